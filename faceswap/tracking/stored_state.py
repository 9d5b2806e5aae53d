"""State of the tracker in an unfinished faceset, with the types by which it is checked."""

from typing import Annotated, Any, TypeVar

from pydantic import Field

from faceswap.core.documents import DocumentModel, Finite, Items, check_schema
from faceswap.core.errors import FacesetError

T = TypeVar("T")
Count = Annotated[int, Field(ge=0, lt=1 << 31)]
Four = Annotated[list[Finite], Field(min_length=4, max_length=4)]
Sixteen = Annotated[list[T], Field(min_length=16, max_length=16)]


class _Track(DocumentModel):
    number: Count
    roi: Four
    box: Four
    score: Finite
    confirmed: bool
    missed_detections: Count
    lost_frames: Count
    motion: Annotated[list[Finite], Field(min_length=2, max_length=2)]


class _Tracker(DocumentModel):
    next_number: Count
    position: Annotated[int, Field(ge=0, lt=1 << 53)]
    empty_frames: Count
    thumbnail: Sixteen[Sixteen[Annotated[int, Field(ge=0, le=255)]]] | None
    tracks: Annotated[Items[_Track], Field(max_length=10_000)]


def check_tracker_state(state: Any) -> None:
    """Checks the result of ``Tracker.state`` after a trip through a file.

    Raises:
        FacesetError: It is damaged.
    """
    where = "The state of the unfinished extraction"
    check_schema(state, _Tracker, where, FacesetError, "Extract the source again with --overwrite.")
