"""What a face takes from the frames around it: steady parameters, and its motion."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap.conversion.swap.decoded_face import DecodedFace
from faceswap.geometry.alignment import invert
from faceswap.media.frame import Frame


@dataclass(frozen=True)
class _Measured:
    """What the frames around it need of a face: its frame and crops may be let go.

    Attributes:
        index: Index of its frame.
        track: Track and target identity.
        parameters: Parameters to average, ``(P,)``.
        centre: Centre of the crop, ``(2,)`` in pixels of the frame.
    """

    index: int
    track: tuple[int, str]
    parameters: Tensor
    centre: NDArray[np.floating]


FrameFaces = tuple[Frame, Sequence[DecodedFace]]
Average = Callable[[Tensor, Sequence[int], int], Tensor]


def look_around(
    frames: Iterable[FrameFaces], smooth: int, lead: int, average: Average
) -> Iterator[FrameFaces]:
    """Averages the parameters of each face over its track around the frame, and finds its motion.

    Faces are summed in the order of their frames, so the result depends on no others.

    Args:
        frames: Consecutive frames of a video with their faces. ``lead + 1`` of them are held.
        smooth: Number of frames before and after each over which parameters are averaged.
        lead: Number of frames before and after each that are looked at, at least ``smooth``; 0
            leaves the faces as they are.
        average: Averages parameters, as ``ColourMatch.average`` does.
    """
    measured: deque[_Measured] = deque()
    waiting: deque[FrameFaces] = deque()
    for frame, faces in frames:
        waiting.append((frame, faces))
        measured.extend(_measured(face, frame.index) for face in faces)
        while waiting and waiting[0][0].index + lead <= frame.index:
            yield _look_around_next(measured, waiting, smooth, lead, average)
    while waiting:
        yield _look_around_next(measured, waiting, smooth, lead, average)


def _look_around_next(
    measured: deque[_Measured],
    waiting: deque[FrameFaces],
    smooth: int,
    lead: int,
    average: Average,
) -> FrameFaces:
    """Takes the next frame from those that wait."""
    frame, faces = waiting.popleft()
    while measured and measured[0].index < frame.index - lead:
        measured.popleft()
    seen = []
    for face in faces:
        around = {
            other.index - frame.index: other
            for other in measured
            if other.track == face.track and other.index <= frame.index + lead
        }
        offsets = [offset for offset in around if abs(offset) <= smooth]
        parameters = torch.stack([around[offset].parameters for offset in offsets])
        parameters = average(parameters, offsets, smooth)
        seen.append(replace(face, parameters=parameters, motion=_motion(around)))
    return frame, seen


def _measured(face: DecodedFace, index: int) -> _Measured:
    return _Measured(index, face.track, face.parameters, invert(face.cut.matrix)[:, 2])


def _motion(around: Mapping[int, _Measured]) -> NDArray[np.floating]:
    """Movement of a face from one frame to the next, ``(2,)`` in pixels of the frame."""
    offsets = sorted({-1, 0, 1} & around.keys())
    first, last = (around[offset].centre for offset in (offsets[0], offsets[-1]))
    return (last - first) / max(offsets[-1] - offsets[0], 1)
