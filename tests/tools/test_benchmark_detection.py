"""Photos of the detection benchmark, from a synthetic photo with one labelled face."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from faceswap.geometry.alignment import head_pose
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.media.images import write_image

FACE = 50 * MEAN_FACE[:, :2] + [120, 90]


@pytest.fixture
def detection(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "tools")

    return importlib.import_module("benchmarks.detection")


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    image = np.zeros((180, 240, 3), np.uint8)
    x, y = FACE.mean(axis=0).round().astype(int)
    image[y - 2 : y + 3, x - 2 : x + 3] = 255
    write_image(tmp_path / "one.png", image)
    parts = "".join(
        f"<part name='{i}' x='{x:.2f}' y='{y:.2f}'/>" for i, (x, y) in enumerate(FACE.tolist())
    )
    (tmp_path / "labels.xml").write_text(
        f"<dataset><images><image file='one.png'><box>{parts}</box></image></images></dataset>"
    )
    return tmp_path / "labels.xml"


@pytest.mark.parametrize("turns", range(4))
def test_labels_turn_with_their_photo(detection, labels, turns):
    (photo,) = detection._labelled(labels)
    turned = detection._turned(photo, turns)
    x, y = turned.faces[0].mean(axis=0).round().astype(int)
    assert turned.image[y, x].tolist() == [255, 255, 255]
    assert head_pose(turned.faces[0]).scale == pytest.approx(head_pose(FACE).scale, rel=0.05)


def test_small_faces_lie_in_large_frames(detection, labels):
    empty = detection.Photo(np.full((100, 100, 3), 40, np.uint8), [])
    (small,) = detection._small_faces([*detection._labelled(labels), empty])
    assert small.image.shape == (1080, 1920, 3)
    assert head_pose(small.faces[0]).scale == pytest.approx(40, abs=1)
    x, y = small.faces[0].mean(axis=0).round().astype(int)
    assert small.image[y, x].min() > 120


def test_a_box_belongs_to_the_face_that_it_covers(detection):
    low, high = FACE.min(axis=0), FACE.max(axis=0)
    boxes = [np.array([0.0, 0, 30, 30]), np.concatenate([low - 5, high + 5])]
    assert detection._best(boxes, FACE) == 1
    assert detection._best(boxes[:1], FACE) is None
    assert detection._best([], FACE) is None
