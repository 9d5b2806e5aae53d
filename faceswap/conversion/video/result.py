"""What was written of a video."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from faceswap.conversion.video.segments import Segment, covered
from faceswap.conversion.video.work_folder import SegmentRecord
from faceswap.media.frame_table import FrameTable
from faceswap.media.timeline import Damage


@dataclass(frozen=True)
class VideoResult:
    """What was written of a video.

    Attributes:
        frames: Number of frames.
        frames_now: Number of frames that this run wrote.
        frames_swapped: Number of frames with at least one swapped face.
        faces_swapped: Number of swapped faces.
        shown: Identities to which they were swapped.
        damage: Description of the unreadable part of the source; "" if there is none.
        notes: Differences from the source, one line each.
        files: Written files.
        rates: Throughput of each stage of this run in frames per second.
    """

    frames: int
    frames_now: int
    frames_swapped: int
    faces_swapped: int
    shown: tuple[str, ...]
    damage: str
    notes: tuple[str, ...]
    files: tuple[Path, ...] = ()
    rates: Mapping[str, float] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Counts for the manifest."""
        return {
            "frames": self.frames,
            "frames_swapped": self.frames_swapped,
            "faces_swapped": self.faces_swapped,
        }


def summarise(
    table: FrameTable, records: Mapping[Segment, SegmentRecord], written: int
) -> VideoResult:
    """What segments contain.

    Args:
        table: Frames of the video.
        records: Complete segments.
        written: Number of frames that this run wrote.
    """
    frames = sum(len(record.pts) for record in records.values())
    damage = Damage()
    total = covered([*records])
    damage.total, damage.missing = total, total - frames
    damage.faulty = sum(record.faulty for record in records.values())
    notes = (note for record in records.values() for note in record.notes)
    return VideoResult(
        frames=frames,
        frames_now=written,
        frames_swapped=sum(record.frames_swapped for record in records.values()),
        faces_swapped=sum(record.faces_swapped for record in records.values()),
        shown=tuple(sorted({name for record in records.values() for name in record.shown})),
        damage=table.damage or damage.text() or "",
        notes=tuple(dict.fromkeys([*table.notes, *notes])),
    )
