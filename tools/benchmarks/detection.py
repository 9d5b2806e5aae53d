"""Benchmark of the detectors: recall, false alarms and time, upright, turned and on tiles."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import FaceswapError
from faceswap.detectors import Detector, build_detector, tile_detector
from faceswap.detectors.nms import overlaps
from faceswap.geometry.alignment import HEAD_COVERAGE, crop_matrix, transform_points, warp
from faceswap.media.images import read_image
from faceswap.tracking.finder import build_tracker

# IoU with the bounds of the labelled landmarks from which a face is found: the boxes of some
# detectors end at the hairline.
_FOUND = 0.3
_SMALL = 40  # px, of the small faces from brows to chin
_LARGE_FRAME = (1080, 1920)


@dataclass(frozen=True)
class Photo:
    """A photo and its faces.

    Attributes:
        image: Image, (H, W, 3) uint8 RGB.
        faces: Landmarks68 of its faces, (68, 2) each.
    """

    image: NDArray[np.uint8]
    faces: Sequence[NDArray[np.floating]]


def benchmark_detection(labels: Path, empty: Sequence[Path], detectors: Sequence[str]) -> None:
    """Print one row per detector and condition.

    Args:
        labels: XML file of dlib with 68 landmarks per face, beside its photos.
        empty: Photos without a face.
        detectors: Names of the detectors.
    """
    photos = [*_labelled(labels), *(Photo(read_image(path), []) for path in empty)]
    print(f"{'detector':12}{'condition':28}{'recall':>9}{'false':>7}{'ms/photo':>10}")
    for name in detectors:
        try:
            _benchmark(name, photos)
        except FaceswapError as error:
            print(f"{name:12}{error.message}")


def _benchmark(name: str, photos: Sequence[Photo]) -> None:
    detector = build_detector(name)
    two, auto = tile_detector(detector, "2"), tile_detector(detector, "auto")
    assert two is not None
    assert auto is not None
    small = list(_small_faces(photos))
    for condition, each, tested in (
        ("photos", detector, photos),
        ("photos, 2 tiles", two, photos),
        (f"{_SMALL} px in 1080p, no tiles", detector, small),
        (f"{_SMALL} px in 1080p, tiles", auto, small),
    ):
        _show(name, condition, _boxes_of(each), tested)
    tracker = build_tracker(name)
    for turns in range(4):
        turned = [_turned(photo, turns) for photo in photos]
        condition = f"search, turned by {90 * turns}"
        _show(name, condition, lambda i: [f.box for f in tracker.find_faces(i)], turned)


def _show(
    name: str,
    condition: str,
    find: Callable[[NDArray[np.uint8]], Sequence[NDArray[np.floating]]],
    photos: Sequence[Photo],
) -> None:
    hits = false = 0
    seconds = 0.0
    for photo in photos:
        begun = time.perf_counter()
        boxes = find(photo.image)
        seconds += time.perf_counter() - begun
        found = {_best(boxes, face) for face in photo.faces} - {None}
        hits += len(found)
        false += len(boxes) - len(found)
    total = sum(len(photo.faces) for photo in photos)
    mean = 1000 * seconds / len(photos)
    print(f"{name:12}{condition:28}{f'{hits}/{total}':>9}{false:7}{mean:10.0f}", flush=True)


def _boxes_of(
    detector: Detector,
) -> Callable[[NDArray[np.uint8]], Sequence[NDArray[np.floating]]]:
    return lambda image: [found.box for found in detector([image])[0]]


def _best(boxes: Sequence[NDArray[np.floating]], face: NDArray[np.floating]) -> int | None:
    """Index of the box of a face; None if there is none."""
    if not boxes:
        return None
    shared = overlaps(np.concatenate([face.min(0), face.max(0)]), np.stack(boxes))
    return int(shared.argmax()) if shared.max() >= _FOUND else None


def _labelled(path: Path) -> Iterator[Photo]:
    for image in ElementTree.parse(path).getroot().iter("image"):
        parts = [sorted(box, key=lambda part: int(part.attrib["name"])) for box in image]
        faces = [np.array([[float(p.attrib[k]) for k in "xy"] for p in box]) for box in parts]
        yield Photo(read_image(path.parent / image.attrib["file"]), faces)


def _small_faces(photos: Sequence[Photo]) -> Iterator[Photo]:
    """Each face with its surroundings, scaled to 40 px, in an enlarged photo without faces."""
    height, width = _LARGE_FRAME
    empty = next(photo.image for photo in photos if not photo.faces)
    board = cv2.resize(empty, (width, height), interpolation=cv2.INTER_CUBIC)
    generator = np.random.default_rng(0)
    side = round(_SMALL * HEAD_COVERAGE)
    for photo in photos:
        for face in photo.faces:
            matrix = crop_matrix(face, side, HEAD_COVERAGE)
            x, y = generator.integers(0, (width - side, height - side))
            frame = board.copy()
            frame[y : y + side, x : x + side] = warp(photo.image, matrix, side)
            yield Photo(
                np.asarray(frame, np.uint8), [transform_points(matrix, face) + np.array([x, y])]
            )


def _turned(photo: Photo, turns: int) -> Photo:
    """The photo turned anticlockwise by quarter turns."""
    image, faces = photo.image, list(photo.faces)
    for _ in range(turns):
        faces = [np.column_stack([face[:, 1], image.shape[1] - 1 - face[:, 0]]) for face in faces]
        image = np.ascontiguousarray(np.rot90(image))
    return Photo(image, faces)
