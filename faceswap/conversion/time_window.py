"""What a face takes from the frames around it: steady parameters, and its motion."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap.conversion.decoded_face import DecodedFace
from faceswap.geometry.alignment import invert
from faceswap.media.frame import Frame

FrameFaces = tuple[Frame, Sequence[DecodedFace]]
Average = Callable[[Tensor, Sequence[int], int], Tensor]


def look_around(
    frames: Iterable[FrameFaces], smooth: int, lead: int, average: Average
) -> Iterator[FrameFaces]:
    """Averages the parameters of each face over its track around the frame, and finds its motion.

    Faces are summed in the order of their frames, so the result depends on no others.

    Args:
        frames: Consecutive frames of a video with their faces. ``2 * lead + 1`` of them are held.
        smooth: Number of frames before and after each over which parameters are averaged.
        lead: Number of frames before and after each that are looked at, at least ``smooth``; 0
            leaves the faces as they are.
        average: Averages parameters, as ``ColourMatch.average`` does.
    """
    before: deque[FrameFaces] = deque()
    waiting: deque[FrameFaces] = deque()
    for frame in frames:
        waiting.append(frame)
        while waiting and waiting[0][0].index + lead <= frame[0].index:
            yield _look_around_next(before, waiting, smooth, lead, average)
    while waiting:
        yield _look_around_next(before, waiting, smooth, lead, average)


def _look_around_next(
    before: deque[FrameFaces],
    waiting: deque[FrameFaces],
    smooth: int,
    lead: int,
    average: Average,
) -> FrameFaces:
    """Moves the next frame from those that wait to those before the next one."""
    frame, faces = waiting[0]
    while before and before[0][0].index < frame.index - lead:
        before.popleft()
    seen = []
    for face in faces:
        around = {
            other.index - frame.index: same
            for other, others in [*before, *waiting]
            for same in others
            if same.track == face.track and other.index <= frame.index + lead
        }
        offsets = [offset for offset in around if abs(offset) <= smooth]
        parameters = torch.stack([around[offset].parameters for offset in offsets])
        parameters = average(parameters, offsets, smooth)
        seen.append(replace(face, parameters=parameters, motion=_motion(around)))
    before.append(waiting.popleft())
    return frame, seen


def _motion(around: Mapping[int, DecodedFace]) -> NDArray[np.floating]:
    """Movement of a face from one frame to the next, ``(2,)`` in pixels of the frame."""
    offsets = sorted({-1, 0, 1} & around.keys())
    first, last = (_centre(around[offset]) for offset in (offsets[0], offsets[-1]))
    return (last - first) / max(offsets[-1] - offsets[0], 1)


def _centre(face: DecodedFace) -> NDArray[np.floating]:
    return invert(face.cut.matrix)[:, 2]
