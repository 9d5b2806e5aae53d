"""Runs scheduled detection passes ahead of the tracker, several frames as one batch."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap.core.threads import operator_threads
from faceswap.detectors import Detection
from faceswap.media.frame import Frame
from faceswap.tracking.settings import Pass
from faceswap.tracking.tracker import Tracker
from faceswap.tracking.tracks import TrackedFace

_CHUNK_BYTES = 96 << 20  # of frames that wait for one batch


@dataclass(frozen=True)
class SearchedFrame:
    """A frame, searched if a detection pass is scheduled for it.

    Args:
        frame: Frame.
        image: Image in display proportions, (H, W, 3) uint8 RGB.
        ahead: Detections of the pass, in pixels of ``image``; None if none is scheduled.
    """

    frame: Frame
    image: NDArray[np.uint8]
    ahead: Sequence[Detection] | None


Chunk = deque[SearchedFrame]
"""Consecutive frames, of which those with a scheduled pass were one batch."""


def detect_ahead(
    frames: Iterable[Frame], tracker: Tracker, kind: str, step: int = 1
) -> Iterator[Chunk]:
    """Runs the detection passes that are known before the tracker reaches their frames.

    Args:
        frames: Frames of one source that are processed, in order.
        tracker: Tracker that will follow the faces; its state is neither used nor changed.
        kind: Kind of the source: "video", or "images", of which each one is searched.
        step: Step between the indices of processed frames.

    Yields:
        The frames in their order, in chunks of a bounded size.
    """

    def scheduled(frame: Frame) -> Pass:
        if kind == "images":
            return "tiles"
        return tracker.settings.scheduled_pass(frame.index // step)

    for chunk in _chunks(frames, scheduled, tracker.settings.batch):
        yield _search(chunk, tracker)


def follow(
    chunks: Iterable[Chunk], tracker: Tracker, kind: str, step: int = 1
) -> Iterator[tuple[Frame, list[TrackedFace]]]:
    """Yields each frame with its faces, in order, in pixels of the frame as it is displayed.

    Args:
        chunks: Frames of one source from ``detect_ahead``; chunks are emptied.
        tracker: Tracker that follows the faces of a video from frame to frame.
        kind: Kind of the source: "video", or "images", whose faces are found independently.
        step: Step between the indices of processed frames.
    """
    for chunk in chunks:
        while chunk:
            searched = chunk.popleft()  # not held any longer: frames are large
            yield searched.frame, track_frame(searched, tracker, kind, step)


def track_frame(
    searched: SearchedFrame, tracker: Tracker, kind: str, step: int = 1
) -> list[TrackedFace]:
    """Faces of one frame; see ``follow``."""
    if kind == "images":
        return tracker.find_faces(searched.image, searched.ahead)
    return tracker.update(searched.image, searched.frame.index // step, searched.ahead)


def _search(chunk: list[tuple[Frame, Pass]], tracker: Tracker) -> Chunk:
    images = [frame.displayed() for frame, _ in chunk]
    passes: dict[int, Pass] = {
        index: each for index, (_, each) in enumerate(chunk) if each != "none"
    }
    # As in the tracker: the other stages keep the other cores busy.
    with operator_threads(1):
        due = [images[index] for index in passes]
        found = tracker.search.detect(due, list(passes.values())) if due else []
    ahead = dict(zip(passes, found, strict=True))
    searched = deque(
        SearchedFrame(frame, image, ahead.get(index))
        for index, ((frame, _), image) in enumerate(zip(chunk, images, strict=True))
    )
    chunk.clear()  # the caller's name for it outlives its frames
    return searched


def _chunks(
    frames: Iterable[Frame], scheduled: Callable[[Frame], Pass], batch: int
) -> Iterator[list[tuple[Frame, Pass]]]:
    """Frames with their passes, in chunks of ``batch`` passes, or fewer where frames are large."""
    chunk: list[tuple[Frame, Pass]] = []
    passes = size = 0
    for frame in frames:
        each = scheduled(frame)
        if each != "none" and (passes >= batch or size >= _CHUNK_BYTES):
            yield chunk
            chunk, passes, size = [], 0, 0
        chunk.append((frame, each))
        passes += each != "none"
        size += frame.image.nbytes
    if chunk:
        yield chunk
