"""Makes the faceset of the segments of a source: the last step, which needs no frame."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from faceswap.core.errors import NoFacesError
from faceswap.extraction.identities import Identification, People
from faceswap.facesets.segments import SegmentRecord, check_consecutive
from faceswap.facesets.writer import FacesetWriter
from faceswap.media.photos import unreadable_text
from faceswap.media.sources import Source
from faceswap.media.timeline import Damage
from faceswap.tracking.stitching import stitch


@dataclass(frozen=True)
class FrameSpan:
    """The frames of a source that are processed.

    Attributes:
        frames: Number of frames of the source; None if only reading it to its end showed it.
        begin: Index of the first processed frame.
        end: Index of the first frame that is not processed; None for none.
    """

    frames: int | None
    begin: int = 0
    end: int | None = None


@dataclass(frozen=True)
class Assembly:
    """The making of a faceset of all segments.

    Attributes:
        source: Source, which is not read.
        writer: Writer of the faceset.
        people: Recognition network, and the people whose faces are kept.
        span: Frames of the source that were processed.
        stitches: Whether each segment numbers its tracks by itself.
    """

    source: Source
    writer: FacesetWriter
    people: People
    span: FrameSpan
    stitches: bool

    def finish(self) -> tuple[str, ...]:
        """Decides about people, and merges the tables of the segments.

        Returns:
            Lines about the people.

        Raises:
            NoFacesError: No frame has a face, or none of a wanted person; nothing is left.
            FacesetError: A segment is damaged or missing.
        """
        writer = self.writer
        segments = writer.segments()
        check_consecutive([file for file, _ in segments])
        records = [record for _, record in segments]
        left_out = sum((Counter(record.left_out) for record in records), Counter[str]())
        frames = max([record.frames for record in records], default=0)
        damage = self._damage(records)
        numbers = stitch(record.tracks for record in records) if self.stitches else []
        video = self.source.kind == "video"
        identification = Identification(self.people, writer.path, video=video)
        try:
            with identification.decide([file for file, _ in segments], numbers) as decisions:
                dropped = dict(left_out) | decisions.left_out
                writer.record["extractor"] |= identification.facts()
                facts = {"left_out": dropped, "frames": frames, "damage": damage}
                if writer.finish(decisions.apply, **facts):
                    return tuple(decisions.summary())
        except NoFacesError:
            writer.discard()
            raise
        writer.discard()
        raise self._no_faces(frames, damage, left_out)

    def _damage(self, records: Sequence[SegmentRecord]) -> str:
        """Description of what could not be read of the source."""
        span, damage = self.span, Damage()
        if self.source.kind == "images":
            unreadable: dict[str, str] = {}
            for record in records:
                unreadable |= record.unreadable
            return unreadable_text(unreadable, len(self.source.files))
        if span.frames is None:
            return next((record.damage for record in records if record.damage), "")
        damage.total = len(range(span.frames)[span.begin : span.end])
        damage.missing = damage.total - sum(record.decoded for record in records)
        damage.faulty = sum(record.faulty for record in records)
        return damage.text() or ""

    def _no_faces(self, frames: int, damage: str, left_out: Counter[str]) -> NoFacesError:
        begin, path = self.span.begin, self.source.path
        read = max(0, frames - begin)
        if begin and not read and not damage:
            return NoFacesError(
                f"Expected frames to read from number {begin} on in {path}, found none.",
                "--start lies after the last frame, or --every skips those that remain.",
            )
        total = left_out.total()
        what = f"None of {total} faces was selected" if total else "No face was found"
        done = f"{read} frames read" + (f". {damage}" if damage else "")
        counts = ", ".join(f"{name} ({n})" for name, n in left_out.items())
        hint = f"Relax what they did not meet: {counts}." if counts else "Try another --detector."
        return NoFacesError(f"{what} in {path} ({done}).", hint)
