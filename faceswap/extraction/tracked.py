"""The frames of a source with their faces, without short gaps, and the states to resume from."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from pydantic import Field

from faceswap.core.documents import DocumentModel, check_schema
from faceswap.core.errors import FacesetError
from faceswap.core.prefetch import prefetch
from faceswap.extraction.imported_faces import ImportedFaces
from faceswap.extraction.imported_tracker import ImportedTracker
from faceswap.extraction.settings import ExtractSettings
from faceswap.extraction.stages import Stages
from faceswap.facesets.files import EXTRACT_AGAIN
from faceswap.landmarkers import build_landmarker
from faceswap.media.frame import Frame
from faceswap.tracking.ahead import detect_ahead, follow
from faceswap.tracking.finder import build_tracker
from faceswap.tracking.gaps import fill_gaps
from faceswap.tracking.tracker import Tracker
from faceswap.tracking.tracks import TrackedFace


class _Resume(DocumentModel):
    """Where tracking resumes: before the last shard's end, since a gap may reach over it.

    Attributes:
        frame: Index of the first frame to track.
        tracker: State of the tracker before it.
    """

    frame: Annotated[int, Field(ge=0, lt=1 << 53)]
    tracker: Any


def build_source_tracker(
    settings: ExtractSettings, imported: ImportedFaces | None, device: str
) -> Tracker | ImportedTracker:
    """Builds the tracker of one source.

    Args:
        settings: Settings of the extraction.
        imported: Faces that another program found; None to find them.
        device: Device of the networks.
    """
    options: dict[str, Any] = {"normalise": settings.normalise, "re_feed": settings.re_feed}
    if imported is None:
        return build_tracker(
            settings.detector,
            settings.landmarker,
            device,
            min_score=settings.min_score,
            min_size=settings.selection.min_size,
            tiles=settings.tiles,
            turned=settings.turned,
            step=settings.every,
            **options,
        )
    landmarker = None
    if imported.need_landmarker:
        landmarker = build_landmarker(settings.landmarker, device, **options)
    return ImportedTracker(imported, landmarker)


def restore_tracker(tracker: Tracker | ImportedTracker, state: Any, next_frame: int) -> int:
    """Resumes tracking from a state that ``track_source`` yielded.

    Args:
        tracker: New tracker.
        state: State in the last finished shard; None at the start.
        next_frame: Index of the first frame whose faces are not stored.

    Returns:
        Index of the first frame to track, at most ``next_frame``.

    Raises:
        FacesetError: The state is damaged.
    """
    if state is None:
        return next_frame
    where = "The state of the unfinished extraction"
    check_schema(state, _Resume, where, FacesetError, EXTRACT_AGAIN)
    tracker.restore(state["tracker"])
    return min(state["frame"], next_frame)


def track_source(
    frames: Iterable[Frame],
    tracker: Tracker | ImportedTracker,
    kind: str,
    stages: Stages,
    *,
    step: int = 1,
    first: int = 0,
    stored: int = 0,
    longest_gap: int,
    shard: int,
) -> Iterator[tuple[Frame, list[TrackedFace], Any]]:
    """Yields each frame with its faces, and at the end of each shard the state to resume from.

    Args:
        frames: Frames of one source that are processed, in order.
        tracker: New or restored tracker.
        kind: Kind of the source: "video", or "images" for independent frames.
        stages: Stopwatches of detection and tracking; the results are those of the latter.
        step: Step between the indices of processed frames.
        first: Index of the first frame to track.
        stored: Index of the first frame whose faces are not stored; those before it are tracked
            again and belong to an earlier shard.
        longest_gap: Frames of the longest gap of a video's track that is filled, at most those
            after which the tracker drops a lost face; gaps between imported faces are not filled.
        shard: Frames from one state to the next.
    """
    if isinstance(tracker, ImportedTracker):
        longest, tracked = 0, tracker.track(stages.track.takes(frames), kind)
    else:
        longest = min(longest_gap, tracker.settings.max_lost_frames) if kind == "video" else 0
        chunks = stages.detect.gives(detect_ahead(stages.detect.takes(frames), tracker, kind, step))
        tracked = follow(stages.track.takes(prefetch(chunks, 1)), tracker, kind, step)
    with_states = _with_states(tracked, tracker, first, stored, longest, shard)
    for (frame, state), faces in fill_gaps(with_states, longest):
        yield frame, faces, state


def _with_states(
    tracked: Iterable[tuple[Frame, list[TrackedFace]]],
    tracker: Tracker | ImportedTracker,
    first: int,
    stored: int,
    overlap: int,
    shard: int,
) -> Iterator[tuple[tuple[Frame, Any], list[TrackedFace]]]:
    """Adds the state ``overlap`` frames ago to the last frame of each shard, None to the others."""
    states = deque([{"frame": first, "tracker": tracker.state()}], overlap + 1)
    count = 0
    for frame, faces in tracked:
        states.append({"frame": frame.index + 1, "tracker": tracker.state()})
        count += frame.index >= stored
        ends = frame.index >= stored and count % shard == 0
        yield (frame, states[0] if ends else None), faces
