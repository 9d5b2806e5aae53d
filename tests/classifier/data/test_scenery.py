import numpy as np
import pytest

from classifier.data.dataset import IGNORE_INDEX
from classifier.data.scenery import draw_strokes, paste_objects, replace_background
from faceswap.core.seeding import generator

SIDE = 64


def portrait(channels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """A head of class 1 before a background; the outermost columns are unlabelled."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[12:52, 12:52] = 1
    mask[:, :4] = mask[:, -4:] = IGNORE_INDEX
    image = np.full((SIDE, SIDE, channels), 40, np.uint8)
    image[mask == 1] = 180
    return image, mask


@pytest.mark.parametrize("channels", [1, 3])
def test_a_new_background_leaves_the_rest(channels: int) -> None:
    image, mask = portrait(channels)
    looks = []
    for n in range(10):
        changed, labels = replace_background(image, mask, generator(0, n))
        assert np.array_equal(labels == 1, mask == 1)
        assert (labels[mask != 1] == 0).all()  # what was unlabelled now shows a background
        assert np.array_equal(changed[18:46, 18:46], image[18:46, 18:46])
        looks.append(np.abs(changed[:, :8].astype(int) - image[:, :8]).mean())
    assert np.mean(looks) > 20
    assert np.array_equal(image, portrait(channels)[0])


@pytest.mark.parametrize("channels", [1, 3])
def test_pasted_objects_are_background(channels: int) -> None:
    image, mask = portrait(channels)
    hidden = []
    for n in range(40):
        changed, labels = paste_objects(image, mask, generator(1, n))
        pasted = labels != mask
        assert (labels[pasted] == 0).all()
        assert changed.shape == image.shape
        if pasted.sum() > 200:
            inside = np.abs(changed[pasted].astype(int) - image[pasted]).mean()
            far = ~pasted & (np.arange(SIDE)[:, None] % 2 == 0)
            assert inside > np.abs(changed[far].astype(int) - image[far]).mean()
        hidden.append(pasted.mean())
    assert max(hidden) < 0.8
    assert float(np.median(hidden)) > 0.01


@pytest.mark.parametrize("channels", [1, 3])
def test_strokes_are_thin(channels: int) -> None:
    image, _ = portrait(channels)
    changed = [
        np.abs(draw_strokes(image, generator(2, n)).astype(int) - image).max(2) > 8
        for n in range(40)
    ]
    covered = [float(lines.mean()) for lines in changed]
    assert float(np.median(covered)) > 0.005
    assert float(np.median(covered)) < 0.2
    assert len({lines.tobytes() for lines in changed}) > 30
