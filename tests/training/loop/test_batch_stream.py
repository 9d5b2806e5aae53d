"""Micro-batches of one step after the other, from any step on."""

from dataclasses import dataclass, replace
from typing import Any, cast

from faceswap.data.batch_plan import BatchPlan
from faceswap.data.warp import WarpRanges
from faceswap.training.loop.batch_stream import BatchStream

PLAN = BatchPlan(0, 8, WarpRanges(0, 0, 0, 0, 0), photometric=0.0)


@dataclass
class Numbered:
    """Batches that are their number, and the number of rollbacks."""

    plan: BatchPlan

    def __getitem__(self, number):
        return number, self.plan.rollbacks


def stream():
    watched = []

    def watch(batches):
        for each in batches:
            watched.append(each)
            yield each

    return cast(Any, BatchStream(cast(Any, Numbered(PLAN)), 0, watch)), watched


def test_each_step_has_its_micro_batches():
    batches, watched = stream()
    batches.restart(replace(PLAN, micro_batches=2), 3)
    assert [next(batches) for _ in range(2)] == [[(6, 0), (7, 0)], [(8, 0), (9, 0)]]
    assert watched == [(6, 0), (7, 0), (8, 0), (9, 0)]
    batches.close()


def test_a_restart_drops_what_was_sampled_ahead():
    batches, _ = stream()
    batches.restart(PLAN, 5)
    assert next(batches) == [(5, 0)]
    batches.restart(replace(PLAN, rollbacks=1), 2)
    assert [next(batches) for _ in range(2)] == [[(2, 1)], [(3, 1)]]
    batches.close()
