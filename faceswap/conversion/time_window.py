"""Steady colours: parameters averaged over the frames of a track around each frame."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from faceswap.conversion.colour_match import average_in_time
from faceswap.conversion.decoded_face import DecodedFace
from faceswap.media.frame import Frame

FrameFaces = tuple[Frame, Sequence[DecodedFace]]


def steady_colours(frames: Iterable[FrameFaces], radius: int) -> Iterator[FrameFaces]:
    """Averages the colours of each face with those of its track in the frames around it.

    They are summed in the order of their frames, so the result depends on no others.

    Args:
        frames: Consecutive frames of a video with their faces. ``2 * radius + 1`` of them are held.
        radius: Number of frames before and after each; 0 leaves the colours as they are.
    """
    before: deque[FrameFaces] = deque()
    waiting: deque[FrameFaces] = deque()
    for frame in frames:
        waiting.append(frame)
        while waiting and waiting[0][0].index + radius <= frame[0].index:
            yield _steady_next(before, waiting, radius)
    while waiting:
        yield _steady_next(before, waiting, radius)


def _steady_next(before: deque[FrameFaces], waiting: deque[FrameFaces], radius: int) -> FrameFaces:
    """Moves the next frame from those that wait to those before the next one."""
    frame, faces = waiting[0]
    while before and before[0][0].index < frame.index - radius:
        before.popleft()
    around = [*before, *waiting]
    steady = [
        replace(face, colours=_mean_colours(face, frame.index, around, radius)) for face in faces
    ]
    before.append(waiting.popleft())
    return frame, steady


def _mean_colours(
    face: DecodedFace, index: int, around: Iterable[FrameFaces], radius: int
) -> Tensor:
    """Mean colours ``(P,)`` of the same track around a frame."""
    colours, offsets = [], []
    for frame, faces in around:
        offset = frame.index - index
        same = [each for each in faces if _track(each) == _track(face)]
        if abs(offset) <= radius and same:
            colours.append(same[0].colours)
            offsets.append(offset)
    return average_in_time(torch.stack(colours), offsets, radius)


def _track(face: DecodedFace) -> tuple[int, str]:
    """Track and target identity."""
    return face.cut.face.track, face.cut.face.to
