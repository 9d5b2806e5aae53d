"""The order in which faces come from tar files."""

from itertools import pairwise

import numpy as np
import pytest

from faceswap.data.window_order import WindowOrder

COUNTS = np.random.default_rng(0).integers(0, 40, 50)
STARTS = np.cumsum([0, *COUNTS]).astype(np.int64)
TOTAL = int(STARTS[-1])
BATCH = 8


def order(batch=BATCH, seed=3, stream="alice/0", on_window=lambda *_: None):
    return WindowOrder(seed, stream, batch, STARTS, 100, on_window)


def faces(epochs, **changes):
    built = order(**changes)
    return [built.face(*divmod(position, BATCH)) for position in range(epochs * TOTAL)]


def shard_of(face):
    return np.searchsorted(STARTS, face, "right") - 1


def test_every_face_comes_once_in_each_epoch():
    found = faces(3)
    for epoch in range(3):
        assert sorted(found[epoch * TOTAL : (epoch + 1) * TOTAL]) == list(range(TOTAL))


def test_epochs_seeds_and_streams_differ():
    first, second = np.split(np.array(faces(2)), 2)
    assert (first != second).mean() > 0.9
    assert (first != faces(1, seed=4)).mean() > 0.9
    assert (first != faces(1, stream="alice/1")).mean() > 0.9


def test_windows_hold_few_tar_files_and_mix_them():
    windows = []
    order_ = order(on_window=lambda window, _before, _after: windows.append(window))
    for position in range(TOTAL):
        order_.face(*divmod(position, BATCH))
    assert len(windows) == round(TOTAL / 100)
    assert all(60 <= len(window.faces) <= 140 for window in windows)
    assert sorted(np.concatenate([window.shards for window in windows])) == sorted(
        np.flatnonzero(COUNTS)
    )
    for window in windows:
        assert set(shard_of(window.faces)) == set(window.shards)
        # The neighbours of a face come from another tar file as often as chance has it.
        changes = np.mean(np.diff(shard_of(window.faces)) != 0)
        shares = np.array([COUNTS[shard] for shard in window.shards]) / len(window.faces)
        assert changes == pytest.approx(1 - (shares**2).sum(), abs=0.15)


def test_the_callback_names_the_neighbours_before_the_first_face():
    entered = []
    order_ = order(on_window=lambda *windows: entered.append(windows))
    for position in range(TOTAL + 200):  # into the next epoch
        order_.face(*divmod(position, BATCH))
    assert entered[0][1] is None
    for (window, _, after), (following, before, _) in pairwise(entered):
        assert (after.first, before.first) == (following.first, window.first)
        np.testing.assert_array_equal(after.faces, following.faces)
    assert all(window.end == after.first for window, _, after in entered)


def test_a_face_depends_on_the_position_alone():
    """Whatever came before: a resumed run, a worker that takes every third step, another batch."""
    expected = faces(2)
    for position in (2 * TOTAL - 1, 5, TOTAL, 17):
        assert order().face(*divmod(position, BATCH)) == expected[position]
        assert order(batch=5).face(*divmod(position, 5)) == expected[position]
    worker = order()
    for step in range(2, TOTAL // BATCH, 3):
        found = [worker.face(step, slot) for slot in range(BATCH)]
        assert found == expected[step * BATCH : (step + 1) * BATCH]


def test_lenders_are_at_hand():
    order_ = order()
    windows = []
    order(on_window=lambda window, *_: windows.append(window)).face(0, 0)
    lent = {order_.any_face(0, fraction) for fraction in np.linspace(0, 0.999, 500)}
    assert lent == set(windows[0].faces.tolist())
    assert order().any_face(40, 0.3) == order_.any_face(40, 0.3)
