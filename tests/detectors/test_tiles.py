"""Detection on tiles: with a detector of bright squares, and with real ones in a large frame."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from skimage import data

from faceswap.core.errors import ConfigError
from faceswap.detectors import Detection, TiledDetector, build_detector, tile_detector
from faceswap.detectors.nms import overlaps
from faceswap.detectors.tiles import tile_starts

# Face square (brows to chin) of the astronaut in pixels, and the box of her landmarks.
SQUARE, BOX = 94.0, np.array([178.0, 69, 272, 177])


class Squares:
    """Finds squares of one brightness whose side is at least 10 px at an input of 320 px."""

    weights: tuple[str, ...] = ()
    smallest_input = 10.0
    tile_side = 640

    def __init__(self, scaled=True):
        self.scaled = scaled
        self.seen, self.seen_on_tiles = [], []

    def input_scale(self, height, width):
        return min(1.0, 320 / max(height, width)) if self.scaled else 1.0

    def for_tiles(self):
        tiles = Squares(scaled=False)
        tiles.seen = self.seen_on_tiles
        return tiles

    def __call__(self, images):
        self.seen += [image.shape for image in images]
        return [self._detect(image) for image in images]

    def _detect(self, image):
        least = self.smallest_input / self.input_scale(*image.shape[:2])
        count, _, stats, _ = cv2.connectedComponentsWithStats(
            (image[..., 0] > 128).astype(np.uint8)
        )
        boxes = [stats[i, :4].astype(float) for i in range(1, count)]
        return [
            Detection(np.array([x, y, x + w - 1, y + h - 1], np.float32), 0.9)
            for x, y, w, h in boxes
            if min(w, h) >= least - 1
        ]


def frame_with_squares(*squares, width=1920, height=1080):
    frame = np.zeros((height, width, 3), np.uint8)
    for x, y, side in squares:
        frame[y : y + side, x : x + side] = 255
    return frame


def boxes(detections):
    return sorted([round(float(v)) for v in d.box] for d in detections)


def test_small_faces_are_found_on_tiles_only():
    small, large = (700, 500, 45), (100, 100, 300)
    frame = frame_with_squares(small, large)
    detector = Squares()
    assert boxes(detector([frame])[0]) == [[100, 100, 399, 399]]
    tiled = TiledDetector(detector)
    assert tiled.smallest_face(1080, 1920) == 60
    assert tiled.scale(1080, 1920) == 0.25  # 40 px become 10 px
    found = boxes(tiled([frame])[0])
    np.testing.assert_allclose(found, [[100, 100, 399, 399], [700, 500, 744, 544]], atol=3)


def test_a_face_on_the_border_of_tiles_is_found_once():
    frame = frame_with_squares((938, 518, 45), width=3840, height=2160)
    detector = Squares()
    found = TiledDetector(detector, tiles=4)([frame, frame])
    tiles = detector.seen_on_tiles
    assert len(tiles) > 8
    assert len({*tiles}) == 1
    assert max(tiles[0]) <= 640
    for each in found:
        np.testing.assert_allclose(boxes(each), [[938, 518, 982, 562]], atol=3)


@pytest.mark.parametrize("length", [100, 640, 641, 1440, 3000])
def test_tiles_cover_the_axis_and_overlap(length):
    side, starts = tile_starts(length, 640, 96)
    assert side % 32 == 0
    assert side <= 640
    assert starts[0] == 0
    assert starts[-1] + side >= length
    assert all(b - a <= side - 96 for a, b in pairwise(starts))


def test_tiles_only_where_the_whole_frame_does_not_show_small_faces():
    auto = TiledDetector(Squares())
    assert auto.scale(720, 1280) is None
    assert TiledDetector(Squares(), min_size=60).scale(1080, 1920) is None
    assert TiledDetector(Squares(), min_size=50).scale(1080, 1920) == 0.2
    assert TiledDetector(Squares(), tiles=2).scale(720, 1280) == pytest.approx(0.5)
    assert auto.smallest_whole(720, 1280) == 0


def test_frames_are_enlarged_to_twice_their_size_at_most():
    assert TiledDetector(Squares(), tiles=16).scale(2160, 3840) == pytest.approx(4 / 3)
    detector = Squares()
    detector.smallest_input = 40.0
    assert TiledDetector(detector, tiles=16).scale(720, 1280) == 2.0
    assert TiledDetector(detector, tiles=16).scale(60, 80) == 2.0
    detector.input_scale = lambda height, width: 3.0  # the whole frame is enlarged further
    assert TiledDetector(detector, tiles=16).scale(60, 80) is None


def test_names_of_the_command_line():
    assert tile_detector(Squares(), "off") is None
    three, auto = tile_detector(Squares(), "3"), tile_detector(Squares())
    assert three is not None
    assert auto is not None
    assert (three.tiles, auto.tiles) == (3, None)
    for wrong in ("1", "17", "many", "²"):
        with pytest.raises(ConfigError, match="2 to 16 tiles"):
            tile_detector(Squares(), wrong)


@pytest.mark.parametrize("name", ["blazeface", "yunet", "retinaface"])
def test_a_face_of_40_px_in_1080p(name, shared_weights, monkeypatch):
    monkeypatch.delenv("FACESWAP_OFFLINE")
    portrait = np.ascontiguousarray(data.astronaut())
    zoom = 40 / SQUARE
    small = cv2.resize(portrait, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    frame = np.full((1080, 1920, 3), 90, np.uint8)
    frame[:, :] += np.linspace(0, 60, 1920).astype(np.uint8)[:, None]
    x, y = 1203, 617
    frame[y : y + len(small), x : x + small.shape[1]] = small
    tiled = TiledDetector(build_detector(name))
    (face,) = tiled([frame])[0]
    assert overlaps(BOX * zoom + [x, y, x, y], face.box[None])[0] > 0.4
