import numpy as np

from classifier.lessons.material.photos import PHOTOS, photo_windows


def test_windows_are_reproducible_and_in_turn() -> None:
    windows = photo_windows(("cat", "coffee"), 6, 32, seed=3)
    again = photo_windows(("cat", "coffee"), 6, 32, seed=3)
    assert windows.images.shape == (6, 32, 32, 3)
    assert windows.images.dtype == np.uint8
    assert windows.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert np.array_equal(windows.images, again.images)
    assert not np.array_equal(windows.images, photo_windows(("cat", "coffee"), 6, 32, 4).images)


def test_test_windows_are_not_enlarged_more_than_training_windows(monkeypatch) -> None:
    ramp = np.broadcast_to(np.arange(250, dtype=np.uint8)[:, None], (150, 250, 3))
    monkeypatch.setitem(PHOTOS, "cat", lambda: ramp)
    widths = []
    for test in (False, True):
        windows = photo_windows(("cat",), 60, 32, seed=0, test=test).images.astype(int)
        widths.append(np.ptp(windows, axis=(1, 2, 3)))
    # Windows of the left are no larger than what fits into the right, 100 pixels.
    assert abs(widths[0].max() - widths[1].max()) < 8
    assert abs(widths[0].min() - widths[1].min()) < 8


def test_no_pixel_is_in_training_and_test_windows(monkeypatch) -> None:
    photo = np.zeros((40, 100, 3), np.uint8)
    photo[:, 60:] = 255
    monkeypatch.setitem(PHOTOS, "cat", lambda: photo)
    assert not photo_windows(("cat",), 20, 16, seed=0).images.any()
    assert (photo_windows(("cat",), 20, 16, seed=0, test=True).images == 255).all()
