"""Detection on tiles: small faces of large frames, at a resolution that shows them."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import ConfigError
from faceswap.detectors.inputs import group_by_shape
from faceswap.detectors.nms import drop_nested
from faceswap.detectors.registry import Detection, ScalableDetector

_STRIDE = 32  # px; sides of tiles are multiples of it, so that networks need not scale them
# Longer side of a frame in pixels up to which "auto" uses no tiles.
_LARGE = 1280
# With "auto": longer side of a frame / face square of the smallest faces; 40 px of 1920.
_SMALLEST = 48
_MAX_TILES = 16
_LARGEST_SCALE = 2.0  # faces enlarged any further gain no detail, and frames take gigabytes


class TiledDetector:
    """A detector that searches overlapping tiles of large frames besides the whole frame.

    The frame is scaled so that faces of the wanted size have the size that the network needs, and
    cut into tiles that overlap by the largest faces that only tiles show.

    Args:
        detector: Detector of the whole frame.
        tiles: Tiles along the longer side of the frame: faces that many times smaller than on the
            whole frame are found. None finds faces of 1/48 of the longer side, in
            frames larger than 1280 px, where the whole frame does not show them.
        min_size: Side of the face square in frame pixels below which no face is wanted.

    """

    def __init__(
        self, detector: ScalableDetector, tiles: int | None = None, min_size: int = 1
    ) -> None:
        self.detector = detector
        self.tiles = tiles
        self.min_size = min_size
        self.weights = detector.weights
        self._for_tiles = detector.for_tiles()

    def smallest_face(self, height: int, width: int) -> float:
        """Side of the face square in frame pixels from which the whole frame shows a face."""
        return self.detector.smallest_input / self.detector.input_scale(height, width)

    def smallest_whole(self, height: int, width: int) -> float:
        """Size below which only tiles show faces, as for ``smallest_face``; 0 without tiles."""
        return 0.0 if self.scale(height, width) is None else self.smallest_face(height, width)

    def scale(self, height: int, width: int) -> float | None:
        """Scale of the frame that is cut into tiles; None if the whole frame suffices."""
        longer = max(height, width)
        whole, least = self.smallest_face(height, width), self.detector.smallest_input
        if self.tiles is not None:
            wanted = whole / self.tiles
        elif longer > _LARGE:
            wanted = longer / _SMALLEST
        else:
            return None
        wanted = max(wanted, self.min_size, least / _LARGEST_SCALE)
        return None if wanted >= whole else least / wanted

    def __call__(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Detection]]:
        """Detections per image, on the whole frame and on its tiles, highest score first.

        Args:
            images: Images, (H, W, 3) uint8 RGB; those of one size run as one batch.
        """
        return self.add_tiles(images, self.detector(images))

    def add_tiles(
        self, images: Sequence[NDArray[np.uint8]], whole: Sequence[list[Detection]]
    ) -> list[list[Detection]]:
        """Adds the detections on the tiles of images to those on the whole ones.

        Args:
            images: Images, (H, W, 3) uint8 RGB; the tiles of those of one size run as one batch.
            whole: Detections on each whole image.
        """
        results = list(whole)
        for (height, width, _), indices in group_by_shape(images).items():
            scale = self.scale(height, width)
            if scale is None:
                continue
            reach = self.smallest_face(height, width) * scale
            found = self._on_tiles([images[i] for i in indices], scale, 2 * reach)
            for index, detections in zip(indices, found, strict=True):
                results[index] = _merge(results[index], detections)
        return results

    def _on_tiles(
        self, images: Sequence[NDArray[np.uint8]], scale: float, overlap: float
    ) -> list[list[Detection]]:
        """Detections on the tiles of frames of one size, in frame pixels."""
        height, width = images[0].shape[:2]
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        longest = self.detector.tile_side
        side_y, ys = tile_starts(size[1], longest, overlap)
        side_x, xs = tile_starts(size[0], longest, overlap)
        tiles = [
            _padded(scaled[y : y + side_y, x : x + side_x], side_y, side_x)
            for scaled in (_resized(image, size) for image in images)
            for y in ys
            for x in xs
        ]
        found = iter(self._for_tiles(tiles))
        corners = [(x, y) for y in ys for x in xs]
        return [
            [
                _to_frame(detection, corner, scale)
                for corner in corners
                for detection in next(found)
                if not _is_cut(detection, corner, (side_x, side_y), size)
            ]
            for _ in images
        ]


def tile_detector(
    detector: ScalableDetector, tiles: str = "auto", min_size: int = 1
) -> TiledDetector | None:
    """A detector with tiles, as they are named on the command line.

    Args:
        detector: Detector of the whole frame.
        tiles: Number of tiles along the longer side of a frame, 2 to 16; "auto" for tiles in frames
            larger than 1280 px only; "off" for none.
        min_size: Side of the face square in frame pixels below which no face is wanted.

    Returns:
        The detector; None for "off".

    Raises:
        ConfigError: It is none of these.
    """
    if tiles in ("auto", "off"):
        return TiledDetector(detector, min_size=min_size) if tiles == "auto" else None
    if tiles.isascii() and tiles.isdigit() and 2 <= int(tiles) <= _MAX_TILES:
        return TiledDetector(detector, int(tiles), min_size)
    raise ConfigError(
        f"Expected auto, off, or 2 to {_MAX_TILES} tiles along the longer side, found {tiles!r}.",
        "Use --tiles with one of these.",
    )


def tile_starts(length: int, longest: int, overlap: float) -> tuple[int, list[int]]:
    """Side of the tiles along one axis, a multiple of 32, and where they begin.

    Args:
        length: Length of the axis in pixels.
        longest: Longest side of a tile in pixels, a multiple of 32.
        overlap: Smallest overlap of neighbouring tiles in pixels; at most half a tile is used.
    """
    overlap = min(overlap, longest / 2)
    count = 1 if length <= longest else int(np.ceil((length - overlap) / (longest - overlap)))
    side = -(-int(np.ceil((length + (count - 1) * overlap) / count)) // _STRIDE) * _STRIDE
    side = min(side, longest)
    if count == 1:
        return side, [0]
    return side, [round(i * (length - side) / (count - 1)) for i in range(count)]


def _resized(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    method = cv2.INTER_AREA if size[0] < image.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)


def _padded(tile: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """The tile, with black at the right and the bottom, (height, width, 3)."""
    board = np.zeros((height, width, 3), np.uint8)
    board[: tile.shape[0], : tile.shape[1]] = tile
    return board


def _is_cut(
    detection: Detection, corner: tuple[int, int], tile: tuple[int, int], frame: tuple[int, int]
) -> bool:
    """Whether a border between tiles cuts a face, which a neighbour then shows whole."""
    x0, y0, x1, y1 = detection.box
    return bool(
        (x0 < 0 and corner[0] > 0)
        or (y0 < 0 and corner[1] > 0)
        or (x1 > tile[0] and corner[0] + tile[0] < frame[0])
        or (y1 > tile[1] and corner[1] + tile[1] < frame[1])
    )


def _to_frame(detection: Detection, corner: tuple[int, int], scale: float) -> Detection:
    # Pixel centres lie at whole numbers in the frame and in the tile.
    def placed(points: NDArray[np.float32]) -> NDArray[np.float32]:
        return ((points + corner + 0.5) / scale - 0.5).astype(np.float32)

    box = placed(detection.box.reshape(2, 2)).ravel()
    points = None if detection.points is None else placed(detection.points)
    return Detection(box, detection.score, points)


def _merge(whole: Sequence[Detection], tiled: Sequence[Detection]) -> list[Detection]:
    """Each face once; parts of a large face that tiles show are dropped for the whole one."""
    return drop_nested([*whole, *tiled])
