"""A segment while its faces are stored."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from faceswap.extraction.segments import Segment
from faceswap.extraction.selection import Selector
from faceswap.tracking.tracks import TrackedFace


@dataclass
class OpenSegment:
    """A segment that is not complete yet.

    Attributes:
        segment: The segment.
        selector: Selection of its faces.
        rows: Rows of the faces that are stored.
        next_frame: Index of the first frame after the last processed one; 0 before the first.
    """

    segment: Segment
    selector: Selector
    rows: list[dict[str, Any]] = field(default_factory=list)
    next_frame: int = 0

    def look(self, faces: Sequence[TrackedFace]) -> None:
        """Lets the selector choose among the faces of a frame before the first one."""
        for _ in self.selector.select(faces):
            pass
        self.selector.left_out.clear()  # they are counted with the segment before

    def advance(self, index: int) -> int:
        """Takes note of a processed frame; returns the number of frames since the last one."""
        before = self.next_frame or self.segment.first
        self.next_frame = index + 1
        return self.next_frame - before
