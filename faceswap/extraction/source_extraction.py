"""The extraction of one source, cut into segments that any process may extract.

The stages of a segment run at once behind bounded queues: decoding, scheduled detection passes,
tracking, and cropping and writing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from itertools import dropwhile, takewhile, tee
from pathlib import Path

from faceswap.core.errors import NoFacesError
from faceswap.core.prefetch import prefetch
from faceswap.extraction.cropping import store_faces
from faceswap.extraction.frame_tally import FrameTally
from faceswap.extraction.identities import Identification, People
from faceswap.extraction.imported_faces import ImportedFaces
from faceswap.extraction.imported_tracker import ImportedTracker
from faceswap.extraction.open_segment import OpenSegment
from faceswap.extraction.records import extractor_record, source_record
from faceswap.extraction.segment_tracking import SegmentEnd, SegmentTracking, TrackedFrame
from faceswap.extraction.segments import LEAD, Segment, SegmentPlan, plan_segments
from faceswap.extraction.selection import Selector
from faceswap.extraction.settings import ExtractSettings
from faceswap.extraction.source_tracker import build_source_tracker
from faceswap.extraction.stages import Stages
from faceswap.extraction.video_decoding import decoder_record, decoding_of
from faceswap.facesets.segments import SegmentRecord
from faceswap.facesets.writer import FacesetWriter
from faceswap.maskers import Masker, build_maskers
from faceswap.media.decoding import Decoding
from faceswap.media.frame import Frame
from faceswap.media.hashed_source import HashedSource
from faceswap.media.sources import FrameReader, Source, open_source
from faceswap.media.timeline import Damage
from faceswap.tracking.stitching import SegmentTracks, stitch
from faceswap.tracking.tracker import Tracker

_QUEUE = 8


@dataclass(frozen=True)
class SourceExtraction:
    """The extraction of one source, with everything that its faces depend on.

    Attributes:
        hashed: Video or photos.
        settings: Settings that the faces depend on.
        writer: Writer of the faceset.
        tracker: Tracker, whose networks all segments share.
        maskers: Maskers of the stored masks by name.
        decoding: Decoder of a video.
        people: Recognition network, and the people whose faces are kept.
        stages: Stopwatches of the work of this process.
    """

    hashed: HashedSource
    settings: ExtractSettings
    writer: FacesetWriter
    tracker: Tracker | ImportedTracker
    maskers: Mapping[str, Masker]
    decoding: Decoding
    people: People
    stages: Stages = field(default_factory=Stages)

    @classmethod
    def open(
        cls,
        hashed: HashedSource,
        directory: Path,
        settings: ExtractSettings,
        *,
        people: People | None = None,
        imported: ImportedFaces | None = None,
        device: str = "cpu",
        overwrite: bool = False,
        run: str = "",
    ) -> "SourceExtraction":
        """Opens the faceset of a source, and loads the networks.

        Args:
            hashed: Video or photos.
            directory: Directory of the faceset.
            settings: Settings that the faces depend on.
            people: Recognition network, and the people whose faces are kept; None recognises
                nobody.
            imported: Faces that another program found; None to find them.
            device: Device of the networks; a CUDA device may decode the video, too.
            overwrite: Whether to replace an existing faceset, once the first face is found.
            run: Text that the processes of one extraction have in common; "" for an extraction by
                this process alone.

        Raises:
            FaceswapError: As in ``pipeline.extract_source``.
        """
        source, people = hashed.source, people or People()
        tracker = build_source_tracker(source, settings, imported, device)
        maskers = build_maskers(settings.maskers, device, settings.mask_model)
        decoding = decoding_of(
            hashed, directory, settings.video_decoder, device, overwrite=overwrite
        )
        writer = FacesetWriter(
            directory,
            source_record(hashed),
            extractor_record(source, settings, tracker, maskers)
            | people.record()
            | decoder_record(decoding),
            overwrite=overwrite,
            smooths=imported is None or not imported.have_landmarks,
            run=run,
        )
        return cls(hashed, settings, writer, tracker, maskers, decoding, people)

    @property
    def source(self) -> Source:
        """The source."""
        return self.hashed.source

    @property
    def begin(self) -> int:
        """Index of the first processed frame."""
        return self.settings.first_frame or 0

    @cached_property
    def plan(self) -> SegmentPlan:
        """The segments of the source."""
        settings = self.settings
        return plan_segments(self.source, settings.every, self.begin, settings.end_frame)

    def missing(self) -> list[Iterable[Segment]]:
        """Segments that are not complete, in groups that follow each other without a gap.

        If the frames of the source are not known, the only group has no end.
        """
        segments = self.plan.segments
        if self.plan.frames is None:
            return [dropwhile(self.is_complete, segments)]
        groups: list[list[Segment]] = []
        for segment in segments:
            if self.is_complete(segment):
                continue
            if groups and groups[-1][-1].end == segment.first:
                groups[-1].append(segment)
            else:
                groups.append([segment])
        return [*groups]

    def stored_frames(self) -> int:
        """Number of frames in complete segments, from the first processed frame on."""
        plan, end = self.plan, self.settings.end_frame
        if plan.frames is None:
            stored = [*takewhile(self.is_complete, plan.segments)]
        else:
            stored = [*filter(self.is_complete, plan.segments)]
            end = _least(plan.frames, end)
        ends = (_least(segment.end, end) for segment in stored)
        return sum(stop - s.first for s, stop in zip(stored, ends, strict=True) if stop is not None)

    def is_complete(self, segment: Segment) -> bool:
        """Whether a segment is stored."""
        return self.writer.has_segment(segment.first, segment.end)

    def extract(
        self, segments: Iterable[Segment], on_frames: Callable[[int], None] = lambda _: None
    ) -> tuple[str, ...]:
        """Extracts consecutive segments.

        Args:
            segments: The segments, in order; those after the end of the source are left out.
            on_frames: Callback with the number of frames done since its last call.

        Returns:
            Lines about how the source was read.

        Raises:
            FaceswapError: As in ``pipeline.extract_source``.
        """
        ahead, remaining = tee(segments)
        first = next(ahead)
        tracking = self._tracking
        stop = tracking.stop(segments[-1]) if isinstance(segments, Sequence) else None
        reader, tally = open_source(self.source, first.start, self.decoding), FrameTally()
        read = tally.over(self.stages.decode.over(reader))
        frames = _processed(read, self.settings.every, _least(stop, self.settings.end_frame))
        tracked = self.stages.track.gives(tracking.run(frames, remaining, self.stages))
        begun: dict[Segment, OpenSegment] = {}
        with closing(prefetch(tracked, _QUEUE)) as results:
            for each in results:
                stored = begun.get(each.segment) or self._open(each.segment)
                begun[each.segment] = stored
                if isinstance(each, TrackedFrame):
                    on_frames(self._store(stored, each))
                else:
                    self._end(begun.pop(each.segment), each, tally, reader)
        return (*filter(None, [self.decoding.note]), *reader.notes, *reader.losses)

    @property
    def _tracking(self) -> SegmentTracking:
        settings = self.settings
        return SegmentTracking(
            self.tracker, self.source.kind, settings.every, settings.fill_gaps, LEAD
        )

    def finish(self) -> tuple[str, ...]:
        """Makes the faceset of all segments: decides about people, and merges the tables.

        Returns:
            Lines about the people.

        Raises:
            NoFacesError: No frame has a face, or none of a wanted person; nothing is left.
            SourceChangedError: The source changed while it was read.
            FacesetError: A segment is damaged.
        """
        self.hashed.check()
        writer = self.writer
        segments = writer.segments()
        records = [record for _, record in segments]
        left_out = sum((Counter(record.left_out) for record in records), Counter[str]())
        facts = {
            "frames": max([record.frames for record in records], default=0),
            "damage": self._damage(records),
        }
        tracks = [record.tracks for record in records]
        numbers = stitch(tracks) if isinstance(self.tracker, Tracker) and self._video else []
        identification = self._identification
        try:
            with identification.decide([file for file, _ in segments], numbers) as decisions:
                dropped = dict(left_out) | decisions.left_out
                writer.record["extractor"] |= identification.facts()
                if writer.finish(decisions.apply, left_out=dropped, **facts):
                    return tuple(decisions.summary())
        except NoFacesError:
            writer.discard()
            raise
        writer.discard()
        raise _no_faces(self.source, self.begin, facts["frames"], facts["damage"], left_out)

    @property
    def _video(self) -> bool:
        return self.source.kind == "video"

    @property
    def _identification(self) -> Identification:
        return Identification(self.people, self.writer.path, video=self._video)

    def _open(self, segment: Segment) -> OpenSegment:
        return OpenSegment(segment, Selector(self.settings.selection, follows=self._video))

    def _store(self, stored: OpenSegment, tracked: TrackedFrame) -> int:
        """Stores the faces of a frame; returns the number of frames that this adds."""
        frame, faces, writer = tracked.frame, tracked.faces, self.writer
        if frame.index < stored.segment.first:
            stored.look(faces)
            return 0
        rows = store_faces(
            frame,
            faces,
            self.maskers,
            writer.path,
            crop_size=self.settings.crop_size,
            image_format=self.settings.image_format,
            selector=stored.selector,
            on_store=writer.begin,
        )
        with self.stages.write:
            stored.rows += rows
        return stored.advance(frame.index)

    def _end(
        self, stored: OpenSegment, end: SegmentEnd, tally: FrameTally, reader: FrameReader
    ) -> None:
        """Writes a segment, after a look at what it was read from."""
        first, stop = stored.segment.first, stored.segment.end
        self.hashed.check(slice(first, stored.next_frame))
        self._identification.embed(stored.rows)
        unknown = end.last and self.plan.frames is None
        record = SegmentRecord(
            frames=stored.next_frame,
            decoded=tally.decoded(first, stop),
            faulty=tally.faulty(first, stop),
            left_out=dict(stored.selector.left_out),
            tracks=SegmentTracks(
                frozenset(row["track"] for row in stored.rows), end.before, end.after
            ),
            damage=(reader.damage or "") if unknown else "",
        )
        self.writer.write_segment(first, stop, stored.rows, record)

    def _damage(self, records: Sequence[SegmentRecord]) -> str:
        """Description of what could not be read of the source."""
        if self.plan.frames is None:
            return next((record.damage for record in records if record.damage), "")
        damage = Damage()
        damage.total = len(range(self.plan.frames)[self.begin : self.settings.end_frame])
        damage.missing = damage.total - sum(record.decoded for record in records)
        damage.faulty = sum(record.faulty for record in records)
        return damage.text() or ""


def _processed(frames: Iterable[Frame], every: int, end: int | None) -> Iterator[Frame]:
    with closing(prefetch(frames, _QUEUE)) as read:
        for frame in read:
            if end is not None and frame.index >= end:
                return
            if frame.index % every == 0:
                yield frame


def _least(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)


def _no_faces(
    source: Source, begin: int, frames: int, damage: str, left_out: Counter[str]
) -> NoFacesError:
    read = max(0, frames - begin)
    if begin and not read and not damage:
        return NoFacesError(
            f"Expected frames to read from number {begin} on in {source.path}, found none.",
            "--start lies after the last frame, or --every skips those that remain.",
        )
    total = left_out.total()
    what = f"None of {total} faces was selected" if total else "No face was found"
    done = f"{read} frames read" + (f". {damage}" if damage else "")
    counts = ", ".join(f"{name} ({n})" for name, n in left_out.items())
    hint = f"Relax what they did not meet: {counts}." if counts else "Try another --detector."
    return NoFacesError(f"{what} in {source.path} ({done}).", hint)
