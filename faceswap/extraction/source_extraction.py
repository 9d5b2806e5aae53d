"""The extraction of one source, cut into segments that any process may extract.

The stages of a segment run at once behind bounded queues: decoding, scheduled detection passes,
tracking, and cropping and writing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from itertools import dropwhile, tee
from pathlib import Path

from faceswap.core.errors import MediaError
from faceswap.core.prefetch import prefetch
from faceswap.extraction.assembly import Assembly, FrameSpan
from faceswap.extraction.cropping import store_faces
from faceswap.extraction.frame_tally import FrameTally, processed
from faceswap.extraction.identities import Identification, People
from faceswap.extraction.imported_faces import ImportedFaces
from faceswap.extraction.imported_tracker import ImportedTracker
from faceswap.extraction.networks import Networks, source_tracker
from faceswap.extraction.open_segment import OpenSegment
from faceswap.extraction.records import extractor_record, source_record
from faceswap.extraction.segment_tracking import SegmentEnd, SegmentTracking, TrackedFrame
from faceswap.extraction.segments import Segment, SegmentPlan, earliest, plan_segments
from faceswap.extraction.selection import Selector
from faceswap.extraction.settings import ExtractSettings
from faceswap.extraction.stages import Stages
from faceswap.extraction.video_decoding import decoder_record, decoding_of
from faceswap.facesets.segments import SegmentRecord
from faceswap.facesets.writer import FacesetWriter
from faceswap.maskers import Masker
from faceswap.media.decoding import Decoding
from faceswap.media.hashed_source import HashedSource
from faceswap.media.sources import Source, open_source
from faceswap.tracking.stitching import SegmentTracks
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
        networks: Networks | None = None,
        overwrite: bool = False,
        run: str = "",
        joins: bool = False,
    ) -> "SourceExtraction":
        """Opens the faceset of a source.

        Args:
            hashed: Video or photos.
            directory: Directory of the faceset.
            settings: Settings that the faces depend on.
            people: Recognition network, and the people whose faces are kept; None recognises
                nobody.
            imported: Faces that another program found; None to find them.
            networks: Networks of the extraction; None to build them, on the CPU. Their device may
                decode the video, too.
            overwrite: Whether to replace an existing faceset, once the first face is found.
            run: Text that the processes of one extraction have in common; "" for an extraction by
                this process alone.
            joins: Whether another process of the run has begun the replacement of a faceset.

        Raises:
            FaceswapError: As in ``pipeline.extract_source``.
        """
        source, people = hashed.source, people or People()
        networks = networks or Networks.build(settings, finds_faces=imported is None)
        tracker = source_tracker(source, settings, networks, imported)
        maskers, device = networks.maskers, networks.device
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
            joins=joins,
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
        plan = self.plan
        if plan.frames is None:  # the last one may reach beyond the end of the source
            frames = max([record.frames for _, record in self.writer.segments()], default=0)
            return max(0, frames - self.begin)
        processed = range(plan.frames)[: self.settings.end_frame]
        return sum(len(processed[s.first : s.end]) for s in plan.segments if self.is_complete(s))

    def is_complete(self, segment: Segment) -> bool:
        """Whether a segment is stored."""
        return self.writer.has_segment(segment.first, segment.end)

    def extract_missing(self, on_frames: Callable[[int], None] = lambda _: None) -> tuple[str, ...]:
        """Extracts all segments that are not complete; see ``extract``.

        A source of which nothing can be read leaves nothing.
        """
        try:
            notes = [note for group in self.missing() for note in self.extract(group, on_frames)]
        except MediaError:
            if not self.writer.segments():
                self.writer.discard()
            raise
        return (*dict.fromkeys(notes),)

    def extract(
        self, segments: Iterable[Segment], on_frames: Callable[[int], None] = lambda _: None
    ) -> tuple[str, ...]:
        """Extracts consecutive segments.

        Args:
            segments: The segments, in order. Those after the end of the source have no faces, or
                are left out where its frames are not known.
            on_frames: Callback with the number of frames done since its last call.

        Returns:
            Lines about how the source was read.

        Raises:
            FaceswapError: As in ``pipeline.extract_source``.
        """
        ahead, remaining = tee(segments)
        first = next(ahead)
        settings, tracking = self.settings, self._tracking
        stop = tracking.stop(segments[-1]) if isinstance(segments, Sequence) else None
        # What is damaged of a video whose frames are not known shows only if one reader reads it.
        start = self.begin if self._video and self.plan.frames is None else first.start
        tally = FrameTally(reader := open_source(self.source, start, self.decoding))
        read = tally.over(self.stages.decode.over(reader))
        end = earliest(stop, settings.end_frame)
        frames = processed(read, settings.every, first.start, end)
        tracked = self.stages.track.gives(tracking.run(frames, remaining, self.stages))
        begun: dict[Segment, OpenSegment] = {}
        with closing(prefetch(tracked, _QUEUE)) as results:
            for each in results:
                stored = begun.get(each.segment) or self._open(each.segment)
                begun[each.segment] = stored
                if isinstance(each, TrackedFrame):
                    on_frames(self._store(stored, each))
                else:
                    self._end(begun.pop(each.segment), each, tally)
        if isinstance(segments, Sequence):  # after the end of the source: no segment stays missing
            for segment in filter(lambda each: not self.is_complete(each), segments):
                self._end(self._open(segment), SegmentEnd(segment, (), (), last=True), tally)
        return (*filter(None, [self.decoding.note]), *reader.notes, *reader.losses)

    @property
    def _tracking(self) -> SegmentTracking:
        settings = self.settings
        return SegmentTracking(
            self.tracker, self.source.kind, settings.every, settings.fill_gaps, self.plan.lead
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
        return self.assembly.finish()

    @property
    def assembly(self) -> Assembly:
        """The making of the faceset of all segments."""
        stitches = self._video and isinstance(self.tracker, Tracker)
        return Assembly(self.source, self.writer, self.people, self.span, stitches=stitches)

    @property
    def span(self) -> FrameSpan:
        """Frames of the source that are processed."""
        return FrameSpan(self.plan.frames, self.begin, self.settings.end_frame)

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

    def _end(self, stored: OpenSegment, end: SegmentEnd, tally: FrameTally) -> None:
        """Writes a segment, after a look at what it was read from."""
        # Frames after the last processed one may have been decoded already, or not be known.
        until, frames = self.settings.end_frame, self.plan.frames
        first, stop = stored.segment.first, earliest(stored.segment.end, until, frames)
        self.hashed.check(slice(first, stored.next_frame))
        self._identification.embed(stored.rows)
        record = SegmentRecord(
            frames=stored.next_frame,
            decoded=tally.decoded(first, stop),
            faulty=tally.faulty(first, stop),
            left_out=dict(stored.selector.left_out),
            tracks=SegmentTracks(
                frozenset(row["track"] for row in stored.rows), end.before, end.after
            ),
            # Photos after the last one that can be read have no segment of their own.
            unreadable=tally.unreadable(first, until if end.last else stop),
            damage=tally.damage(until) if end.last and self._video and frames is None else "",
        )
        self.writer.write_segment(first, stored.segment.end, stored.rows, record)
