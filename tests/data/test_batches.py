import atexit
import multiprocessing
import os
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
import torch

from faceswap.data.batches import BatchPlan, FaceBatches, load_ahead, prepare
from faceswap.data.cache import CropGeometry, FaceCache
from faceswap.data.warp import WarpRanges

NAMES = ("alice", "bob", "carol")
STILL = WarpRanges(0, 0, 0, 0, 0)
UNCHANGED = {"photometric": 0.0, "light": 0.0, "colour_transfer": 0.0}
GEOMETRY = CropGeometry(size=16, coverage=1.25, side=24)


@pytest.fixture
def batches(tmp_path):
    caches = {}
    for shade, name in enumerate(NAMES):
        faces = np.random.default_rng(shade).integers(0, 255, (20, 24, 24, 6)).astype(np.uint8)
        faces[..., 3] = 255
        faces[:, 0, 0, 4] = np.arange(20) + 20 * shade  # which face it is, safe from colour changes
        np.save(tmp_path / f"{name}.npy", faces)
        caches[name] = FaceCache(tmp_path / f"{name}.npy", GEOMETRY)
    training = {name: np.arange(4, 20) for name in NAMES}
    plan = BatchPlan(0, 8, WarpRanges(), light=1.0, colour_transfer=0.5)
    return FaceBatches(caches, training, plan)


def with_plan(batches, **changes):
    return replace(batches, plan=replace(batches.plan, **changes))


def fields(raw):
    """The tensors of a batch without guides, the light among them."""
    assert raw.guides is None
    assert raw.light is not None
    return [*raw[:5], raw.light]


def equal(a, b):
    return all(torch.equal(one, other) for one, other in zip(fields(a), fields(b), strict=True))


def test_a_batch_has_the_faces_of_each_identity(batches):
    raw = batches[0]
    assert raw.crops.shape == (3, 8, 24, 24, 6)
    assert raw.crops.dtype == torch.uint8
    assert raw.affine.shape == (3, 8, 2, 3)
    assert raw.colour.shape == (3, 8, 3, 4)
    marks = raw.crops[:, :, 0, 0, 4]
    for shade, row in enumerate(marks):
        assert all(20 * shade + 4 <= mark < 20 * shade + 20 for mark in row)


def test_held_out_faces_never_come(batches):
    marks = torch.cat([batches[step].crops[:, :, 0, 0, 4] for step in range(12)], 1)
    for shade, row in enumerate(marks):
        assert set((row - 20 * shade).tolist()) == set(range(4, 20))


def test_batches_are_a_pure_function_of_their_number(batches):
    forwards = [batches[step] for step in range(4)]
    again = with_plan(batches)
    for step in (3, 1, 2, 0):
        assert equal(again[step], forwards[step])
    assert not equal(forwards[0], forwards[1])
    assert not equal(with_plan(batches, seed=1)[0], forwards[0])
    assert not equal(with_plan(batches, rollbacks=1)[0], forwards[0])


def test_light_is_sampled_only_where_it_is_changed(batches, monkeypatch):
    lit, dark = batches[3], with_plan(batches, light=0.0)
    assert lit.light.shape == (3, 8, 3, 3)
    assert len(set(lit.light.flatten(0, 1)[:, 0, 0].tolist())) == 24  # of each face another
    monkeypatch.setattr(
        "faceswap.data.face_sampler.sample_light", lambda *_: pytest.fail("sampled")
    )
    assert dark[3].light is None
    assert all(torch.equal(a, b) for a, b in zip(dark[3][:5], lit[:5], strict=True))


@pytest.mark.parametrize(("world_size", "micro_batches"), [(2, 1), (1, 2), (4, 2)])
def test_processes_and_micro_batches_make_up_the_global_batch(batches, world_size, micro_batches):
    whole = batches[3]
    pieces = [
        with_plan(batches, rank=rank, world_size=world_size, micro_batches=micro_batches)[
            3 * micro_batches + number
        ]
        for rank in range(world_size)
        for number in range(micro_batches)
    ]
    joined = [torch.cat(field, 1) for field in zip(*map(fields, pieces), strict=True)]
    assert len(joined) == 6
    assert all(torch.equal(a, b) for a, b in zip(joined, fields(whole), strict=True))


@pytest.mark.parametrize("workers", [0, 2])
def test_loading_ahead_keeps_the_order_and_ends_when_closed(batches, workers):
    loaded = load_ahead(with_plan(batches), count(5), workers)  # its own: it runs in a thread
    for step, raw in zip(range(5, 9), islice(loaded, 4), strict=True):
        assert equal(raw, batches[step])
    loaded.close()
    assert list(loaded) == []


@dataclass
class Watched(FaceBatches):
    """Batches whose workers leave a file each when their interpreter is taken down."""

    folder: Path = Path()

    def __getstate__(self):
        return super().__getstate__() | {"folder": self.folder}

    def __getitem__(self, number):
        atexit.register((self.folder / f"{os.getpid()}").touch)
        return super().__getitem__(number)


def test_workers_end_without_an_error_and_without_taking_python_down(batches, tmp_path):
    # Threads that send batches to nobody are aborted when the interpreter is.
    (tmp_path / "taken down").mkdir()
    watched = Watched(**batches.__getstate__(), folder=tmp_path / "taken down")
    loaded = load_ahead(watched, count(), 2)
    next(loaded)
    workers = multiprocessing.active_children()
    assert len(workers) == 2
    loaded.close()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert list((tmp_path / "taken down").iterdir()) == []


def test_faces_smaller_than_the_cached_ones_are_means_of_their_pixels(batches):
    still = with_plan(batches, ranges=STILL, **UNCHANGED)
    raw = still[0]
    raw.crops[..., :3] = torch.randint(0, 255, raw.crops[..., :3].shape)  # all of it fine detail
    large = prepare(raw, torch.device("cpu"), (16, 16), GEOMETRY.margin)
    small = prepare(raw, torch.device("cpu"), (4, 4), GEOMETRY.margin)
    assert small.target.shape == (3, 8, 3, 4, 4)
    means = torch.nn.functional.avg_pool2d(large.target.flatten(0, 1), 4).unflatten(0, (3, 8))
    # The filter reaches beyond each square of four pixels; a sampled pixel would differ by 0.2.
    assert (small.target - means).abs().mean() < 0.05


def test_prepared_faces_are_the_crops_middle(batches):
    still = with_plan(batches, ranges=STILL, **UNCHANGED)
    raw = still[0]
    batch = prepare(raw, torch.device("cpu"), (16, 16), GEOMETRY.margin)
    expected = raw.crops[:, :, 4:20, 4:20].permute(0, 1, 4, 2, 3) / 255
    torch.testing.assert_close(batch.target, expected[:, :, :3], atol=1e-5, rtol=0)
    torch.testing.assert_close(batch.distorted, batch.target, atol=1e-5, rtol=0)
    torch.testing.assert_close(batch.mask, expected[:, :, 3:4], atol=1e-5, rtol=0)
    torch.testing.assert_close(batch.features, expected[:, :, 4:], atol=1e-5, rtol=0)


def test_colour_changes_are_the_same_in_input_and_target(batches):
    still = with_plan(batches, ranges=STILL, photometric=1.0, light=1.0, colour_transfer=1.0)
    batch = prepare(still[0], torch.device("cpu"), (16, 16), GEOMETRY.margin)
    torch.testing.assert_close(batch.distorted, batch.target, atol=1e-5, rtol=0)
    plain = with_plan(batches, ranges=STILL, **UNCHANGED)
    untouched = prepare(plain[0], torch.device("cpu"), (16, 16), GEOMETRY.margin)
    assert (batch.target - untouched.target).abs().mean() > 0.01
    assert batch.target.min() >= 0
    assert batch.target.max() <= 1


def test_the_distorted_face_differs_from_the_target_by_the_warp_alone(batches):
    warped = with_plan(batches, **UNCHANGED)
    batch = prepare(warped[0], torch.device("cpu"), (16, 16), GEOMETRY.margin)
    assert (batch.distorted - batch.target).abs().mean() > 0.02
    smooth = with_plan(warped, ranges=replace(WarpRanges(), jitter=0.0))
    batch = prepare(smooth[0], torch.device("cpu"), (16, 16), GEOMETRY.margin)
    torch.testing.assert_close(batch.distorted, batch.target, atol=1e-4, rtol=0)


def test_matched_slots_show_a_face_and_its_matches(batches):
    # The n-th training face matches the one preceding it, and the first matches the last.
    back = np.roll(np.arange(16), 1)[:, None]
    matches = {(a, b): back for a in NAMES for b in NAMES if a != b}
    matched = replace(with_plan(batches, match=0.5), matches=matches)
    for step in range(4):
        raw = matched[step]
        assert raw.matched.tolist() == [[1] * 4 + [0] * 4] * 3
        marks = raw.crops[:, :, 0, 0, 4].long() - 4 - 20 * torch.arange(3)[:, None]
        for slot in range(4):
            leader = (step + slot) % 3
            expected = [(int(marks[leader, slot]) - (i != leader)) % 16 for i in range(3)]
            assert marks[:, slot].tolist() == expected
        assert torch.equal(marks[:, 4:], unmatched(batches, step)[:, 4:])
        assert prepare(raw, torch.device("cpu"), (16, 16), GEOMETRY.margin).matched == 4
        for slot in range(8):
            alike = torch.equal(raw.affine[0, slot], raw.affine[1, slot])
            assert alike == (slot < 4)


def unmatched(batches, step):
    return batches[step].crops[:, :, 0, 0, 4].long() - 4 - 20 * torch.arange(3)[:, None]
