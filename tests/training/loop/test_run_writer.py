"""When a training is evaluated, saved and shown, and in which order."""

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from accelerate import Accelerator

from faceswap.data.batch_plan import BatchPlan
from faceswap.data.warp import WarpRanges
from faceswap.training.loop import run_writer
from faceswap.training.loop.course import Course
from faceswap.training.loop.phase import Phase
from faceswap.training.loop.plan import Plan
from faceswap.training.loop.run_writer import RunWriter
from faceswap.training.losses.weights import LossWeights
from faceswap.training.monitoring.held_out import Quality
from faceswap.training.monitoring.measurement import NOTHING_MEASURED, Measured
from faceswap.training.optimizers.schedule import Budget, Schedule
from faceswap.training.optimizers.update import UpdateRule
from faceswap.training.run.progress import PhaseEntry, Progress

MEASURED = Measured({"alice": Quality(0.9, 0.1)})
BUDGET = "the budget is used up"


def phase(name="", share=None, patience=0):
    batches = BatchPlan(0, 4, WarpRanges(0, 0, 0, 0, 0), photometric=0.0)
    settings = batches, LossWeights(), Schedule(1e-4), UpdateRule()
    return Phase(*settings, name=name, share=share, patience=patience)


WHOLE = (phase(),)


@dataclass
class Clock:
    """Seconds since the training began."""

    seconds: float = 0.0

    def monotonic(self):
        return self.seconds


@dataclass
class Fakes:
    """State and reporter of a run, which note what they are asked to do.

    The models are whole between "gather" and "release".
    """

    clock: Clock
    evaluation: float = 0.0
    done: list[Any] = field(default_factory=list)

    @contextmanager
    def whole_models(self):
        self.done.append("gather")
        yield
        self.done.append("release")

    def save(self, progress):
        self.done.append(("save", progress.step, progress.ended))

    def complete_save(self, progress):
        self.done.append(("complete save", progress.step, progress.ended))

    def evaluate(self, progress, *, due):
        self.done.append(("evaluate", progress.step, due))
        self.clock.seconds += self.evaluation
        progress.evaluated(0.9)
        if due:
            progress.evaluated_in_phase(0.9)
        return MEASURED

    def open(self, progress):
        self.done.append(("open", progress.step))

    def complete_preview(self, progress, *, due, last):
        self.done.append(("complete preview", progress.step, due, last))

    def show_preview(self, progress, *, last):
        self.done.append(("preview", progress.step, last))


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(run_writer, "time", found)
    return found


@pytest.fixture
def fakes(clock):
    return Fakes(clock)


def writer(fakes, *, reports=True, phases=WHOLE):
    """The writer of a run of 100 steps that began at second 0."""
    budget = Budget(steps=100)
    plan = Plan(phases, budget, save_every=10, save_seconds=60.0, preview_every=4)
    reporter = cast(Any, fakes) if reports else None
    course = Course(phases, budget)
    return RunWriter(Accelerator(cpu=True), cast(Any, fakes), reporter, plan, course, 0.0)


@pytest.mark.parametrize(
    ("step", "seconds", "due"),
    [(9, 1.0, False), (10, 1.0, True), (11, 1.0, False), (9, 59.9, False), (9, 60.0, True)],
)
def test_a_save_is_due_after_steps_and_after_seconds(fakes, step, seconds, due):
    assert writer(fakes).must_save(Progress(step, seconds)) is due


@pytest.mark.parametrize(("step", "due"), [(24, False), (25, True)])
def test_a_save_is_due_at_the_end_of_a_phase(fakes, step, due):
    saves = writer(fakes, phases=(phase("a", share=0.25), phase("b")))
    assert saves.must_save(Progress(step, phases=(PhaseEntry("a"),))) is due


def test_seconds_count_from_the_start_of_a_resumed_training(fakes):
    resumed = writer(fakes)
    resumed.begin(Progress(33, 500.0), is_new=False)
    assert not resumed.must_save(Progress(34, 559.0))
    assert resumed.must_save(Progress(34, 560.0))


def test_slow_evaluations_are_not_due_again_at_once(fakes):
    saves, fakes.evaluation, fakes.clock.seconds = writer(fakes), 300.0, 60.0
    saves.write(Progress(7, 60.0), save=True, last=False)
    assert not saves.must_save(Progress(8, 361.0))
    assert saves.must_save(Progress(9, 420.0))


def test_a_new_run_is_evaluated_and_saved(fakes):
    begun = writer(fakes)
    assert begun.begin(Progress(), is_new=True).best_step == 0
    assert fakes.done == [
        "gather",
        ("evaluate", 0, True),
        ("save", 0, ""),
        ("open", 0),
        ("complete preview", 0, False, False),
        "release",
    ]
    assert begun.measured is MEASURED


@pytest.mark.parametrize(
    ("step", "ended", "due"), [(7, "", False), (8, "", True), (100, BUDGET, True)]
)
def test_what_a_kill_left_undone_is_completed(fakes, step, ended, due):
    resumed = writer(fakes)
    assert resumed.begin(Progress(step), is_new=False).ended == ended
    assert fakes.done == [
        "gather",
        ("complete save", step, ended),
        ("open", step),
        ("complete preview", step, due, bool(ended)),
        "release",
    ]
    assert resumed.measured is NOTHING_MEASURED


def test_a_run_of_no_more_steps_is_shown_between_previews(fakes):
    writer(fakes).begin(Progress(101), is_new=False)
    assert ("complete preview", 101, True, True) in fakes.done


def test_it_evaluates_then_saves_then_shows(fakes):
    begun = writer(fakes)
    assert begun.write(Progress(20), save=True, last=False).phase_best_step == 20
    expected = ["gather", ("evaluate", 20, True), ("save", 20, ""), ("preview", 20, False)]
    assert fakes.done == [*expected, "release"]
    assert begun.measured is MEASURED


def test_evaluations_of_the_clock_do_not_count_for_patience(fakes):
    progress = writer(fakes).write(Progress(7), save=True, last=False)
    assert fakes.done == ["gather", ("evaluate", 7, False), ("save", 7, ""), "release"]
    assert progress.best_step == 7
    assert progress.phase_best is None


def test_nothing_is_done_where_nothing_is_due(fakes):
    progress = Progress(7)
    assert writer(fakes).write(progress, save=False, last=False) is progress
    assert fakes.done == []


@pytest.mark.parametrize(("step", "last"), [(8, False), (8, True), (7, True)])
def test_previews_are_shown_at_their_interval_and_at_the_end(fakes, step, last):
    writer(fakes).write(Progress(step), save=False, last=last)
    assert fakes.done == ["gather", ("preview", step, last), "release"]


def test_the_evaluation_may_end_the_training(fakes):
    """Its patience is used up by it, so the saved progress and the preview are the last ones."""
    progress = Progress(10, phase_best=(1.0,), phase_since_best=1)
    ended = writer(fakes, phases=(phase(patience=2),)).write(progress, save=True, last=False).ended
    assert "has not improved for 2 evaluations" in ended
    assert fakes.done[1:4] == [("evaluate", 10, True), ("save", 10, ended), ("preview", 10, True)]


def test_other_processes_save_and_take_what_the_first_one_knows(fakes, monkeypatch):
    first = Progress(20, best=(0.9,), best_step=20)
    monkeypatch.setattr(
        run_writer, "from_first", lambda _, value: (first, 80.0) if type(value) is tuple else first
    )
    other = writer(fakes, reports=False)
    assert other.write(Progress(20), save=True, last=True) is first
    assert fakes.done == ["gather", ("save", 20, ""), "release"]
    assert other.measured is NOTHING_MEASURED
    assert not other.must_save(Progress(21, 139.0))
    assert other.must_save(Progress(21, 140.0))


def test_other_processes_complete_nothing(fakes, monkeypatch):
    first = Progress(20)
    monkeypatch.setattr(run_writer, "from_first", lambda *_: first)
    other = writer(fakes, reports=False)
    assert other.begin(Progress(20), is_new=False) is first
    assert fakes.done == ["gather", "release"]
