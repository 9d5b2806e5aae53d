"""Masks of what covers faces: their edges, smoothing in time, and how faces get them."""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.media.frame import Frame, Image

Cover = NDArray[np.float32] | None
"""Soft mask of what covers a face, ``(SIDE, SIDE)`` in [0, 1]; None if nothing does."""
FrameFaces = tuple[Frame, Sequence[SourceFace]]
FrameCovers = tuple[Frame, Sequence[SourceFace], Sequence[Cover]]

SIDE = 64
"""Side of the masks in pixels."""
SMOOTHED = 2
"""Frames before and after each over which masks are smoothed."""
_SOFT = 0.02  # face squares, of the blur at the edge


def displayed_image(frame: Frame) -> Image:
    """The frame as it is displayed; the frame keeps no image of it, since its picture changes."""
    return replace(frame, pixels=frame.picture.rgb8()).displayed()


def soft_cover(mask: NDArray[np.uint8], coverage: float) -> Cover:
    """A rendered mask with a soft edge.

    Args:
        mask: Mask, ``(SIDE, SIDE) uint8``, 255 where something covers the face.
        coverage: Side of the mask in face squares.
    """
    if not mask.any():
        return None
    soft = cv2.GaussianBlur(mask, (0, 0), _SOFT * SIDE / coverage)
    return np.asarray(soft, np.float32) / np.float32(255)


def with_covers(faces: Sequence[SourceFace], covers: Sequence[Cover]) -> Sequence[SourceFace]:
    """Faces that these masks cover as well as those that they have."""
    return [
        face if cover is None else replace(face, covered=_union(face.covered, cover))
        for face, cover in zip(faces, covers, strict=True)
    ]


def smooth_covers(frames: Iterable[FrameCovers]) -> Iterator[FrameFaces]:
    """Adds masks to their faces, each of which comes and goes over several frames of its track."""
    before: deque[FrameCovers] = deque()
    waiting: deque[FrameCovers] = deque()

    def finish() -> FrameFaces:
        frame, faces, covers = waiting[0]
        around = [*before, *waiting]
        smoothed = [
            _smoothed(face.track, cover, frame.index, around)
            for face, cover in zip(faces, covers, strict=True)
        ]
        before.append(waiting.popleft())
        while before[0][0].index + SMOOTHED <= frame.index:
            before.popleft()
        return frame, with_covers(faces, smoothed)

    for each in frames:
        waiting.append(each)
        while waiting[0][0].index + SMOOTHED <= each[0].index:
            yield finish()
    while waiting:
        yield finish()


def _smoothed(track: int, cover: Cover, index: int, around: Iterable[FrameCovers]) -> Cover:
    """Mask of a face with those of its track in the frames around it; None if there is none."""
    sum_of_masks, known, total = np.zeros((SIDE, SIDE), np.float32), 0.0, 0.0
    for frame, faces, covers in around:
        distance = abs(frame.index - index) / (SMOOTHED + 1)
        for face, other in zip(faces, covers, strict=True):
            if face.track != track or distance >= 1:
                continue
            weight = 1 + math.cos(math.pi * distance)  # a Hann window
            total += weight
            if other is not None:
                known += weight
                sum_of_masks += np.float32(weight) * other
    if not known:
        return None
    mean = np.asarray(sum_of_masks / total, np.float32)
    # A mean alone would show half of the swapped face on a hand that moves.
    if cover is not None:
        np.maximum(mean, np.float32(known / total) * cover, out=mean)
    return mean


def _union(first: Cover, second: NDArray[np.float32]) -> NDArray[np.float32]:
    return second if first is None else np.maximum(first, second)
