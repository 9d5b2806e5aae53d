"""Extraction as the work of an engine: planned, done in parts and assembled, by any processes."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from faceswap.core.device import pick_device
from faceswap.core.locks import hold_file, hold_folder
from faceswap.core.outputs import check_outputs
from faceswap.engines.work import Part, PartResult, Plan
from faceswap.extraction.assembly import Assembly, FrameSpan
from faceswap.extraction.identities import People
from faceswap.extraction.moments import Moment, frame_span
from faceswap.extraction.networks import Networks
from faceswap.extraction.people_options import PeopleOptions
from faceswap.extraction.pipeline import ExtractReport
from faceswap.extraction.segments import Segment
from faceswap.extraction.settings import ExtractSettings
from faceswap.extraction.source_extraction import SourceExtraction
from faceswap.facesets.files import RECORD, SEGMENTS
from faceswap.facesets.record import read_record
from faceswap.facesets.segments import segment_file
from faceswap.facesets.subjects import set_subject
from faceswap.facesets.writer import FacesetWriter
from faceswap.media.hashed_source import HashedSource, hash_source
from faceswap.media.remote_sources import fetched
from faceswap.media.sources import Source
from faceswap.provenance.subject import Subject

_SEGMENTS = 2  # of a part: fewer would decode and track the frames between two of them twice
_PURPOSE = "the extraction"
_ALL = "all"  # name of the lock of a source that one process extracts


@dataclass(frozen=True)
class _Segments:
    """Content of a part.

    Attributes:
        hashed: The source, as it was when the work was planned.
        settings: Settings with the span of the source.
        segments: Segments of the part.
    """

    hashed: HashedSource
    settings: ExtractSettings
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class _Facts:
    """What finishing needs to know.

    Attributes:
        span: Frames of the source that are processed.
        notes: Lines about how the source was read.
    """

    span: FrameSpan
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExtractWork:
    """The extraction of sources into facesets of one folder.

    A video whose frames are known without decoding it is divided at key frames. Photos, other
    videos, and sources at URLs are one part each.

    Attributes:
        folder: Folder of the facesets, which all processes share.
        settings: Settings that the faces depend on, without a span.
        span: First processed moment, and the first one that is not; None for no limit.
        people: How people are recognised and chosen.
        subject: Subject record of the facesets; None to leave it.
        device: Device of the networks, chosen on each machine if "auto".
        overwrite: Whether to replace existing facesets.
        run_name: Text that identifies this run, by which an existing faceset is replaced once.
    """

    folder: Path
    settings: ExtractSettings
    span: tuple[Moment | None, Moment | None]
    people: PeopleOptions
    subject: Subject | None
    device: str
    overwrite: bool
    run_name: str

    @property
    def ordered(self) -> bool:
        """Whether people are numbered, each source after those before it."""
        return self.people.identity != "off"

    @cached_property
    def _networks(self) -> Networks:
        return Networks.build(self.settings, str(pick_device(self.device)))

    @cached_property
    def _people(self) -> People:
        return self.people.build(self._networks.device)

    def plan(self, item: Source) -> Plan:
        """Hashes a source, begins its faceset, and divides what is left to do."""
        if item.origin:
            return Plan([Part(0)])
        directory = self.folder / item.name
        check_outputs([directory / RECORD], overwrite=True)
        hashed = hash_source(item)
        settings = self._settings_of(item)
        with hold_folder(directory, _PURPOSE):
            extraction = self._open(hashed, settings)
            if extraction.writer.complete:
                return Plan([])
            if extraction.plan.frames is None:
                return Plan([Part(0)])
            frames, parts = extraction.plan.frames, []
            for group in extraction.missing():
                segments = [*group]
                for begin in range(0, len(segments), _SEGMENTS):
                    some = tuple(segments[begin : begin + _SEGMENTS])
                    end = frames if some[-1].end is None else some[-1].end
                    content = _Segments(hashed, settings, some)
                    parts.append(Part(end - some[0].first, content))
            return Plan(parts, _Facts(extraction.span))

    def run(self, item: Source, part: Part) -> PartResult:
        """Extracts some segments of a source, or all of it."""
        counted = _FrameCount()
        if part.content is None:
            with fetched(item) as local:
                extraction = self._open(hash_source(local), self._settings_of(local))
                with hold_file(extraction.writer.path / SEGMENTS / _ALL, _PURPOSE, wait=True):
                    complete = extraction.writer.complete
                    notes = () if complete else extraction.extract_missing(counted)
        else:
            extraction = self._open(part.content.hashed, part.content.settings)
            with self._hold(extraction, part.content.segments):
                missing = [s for s in part.content.segments if not extraction.is_complete(s)]
                notes = extraction.extract(missing, counted) if missing else ()
        return PartResult(counted.frames, _Facts(extraction.span, notes))

    def finish(
        self, item: Source, facts: _Facts | None, results: Sequence[PartResult]
    ) -> ExtractReport:
        """Makes the faceset of all segments."""
        directory, begun = self.folder / item.name, time.monotonic()
        record = read_record(directory)
        notes: tuple[str, ...] = ()
        if not record["complete"] or (directory / SEGMENTS).is_dir():
            known = [facts, *(result.facts for result in results)]
            notes = self._assemble(item, directory, record, [each for each in known if each])
        if self.subject is not None:
            set_subject(directory, self.subject)
        return ExtractReport.of_faceset(
            item.name,
            directory,
            read_record(directory),
            notes,
            frames_now=sum(result.frames for result in results),
            seconds=time.monotonic() - begun,
        )

    def _assemble(
        self, item: Source, directory: Path, record: dict[str, Any], facts: Sequence[_Facts]
    ) -> tuple[str, ...]:
        """Joins the segments; returns lines about the source and its people."""
        with hold_folder(directory, _PURPOSE):
            writer = FacesetWriter(
                directory,
                record["source"],
                record["extractor"],
                overwrite=self.overwrite,
                run=self.run_name,
            )
            notes = dict.fromkeys(note for each in facts for note in each.notes)
            if writer.complete:
                return (*notes,)
            video = item.kind == "video"
            assembly = Assembly(item, writer, self._people, facts[0].span, stitches=video)
            return (*notes, *assembly.finish())

    def _open(self, hashed: HashedSource, settings: ExtractSettings) -> SourceExtraction:
        return SourceExtraction.open(
            hashed,
            self.folder / hashed.source.name,
            settings,
            people=self._people,
            networks=self._networks,
            overwrite=self.overwrite,
            run=self.run_name,
        )

    def _settings_of(self, source: Source) -> ExtractSettings:
        first, end = frame_span(source, *self.span)
        return replace(self.settings, first_frame=first, end_frame=end)

    @contextmanager
    def _hold(self, extraction: SourceExtraction, segments: Sequence[Segment]) -> Iterator[None]:
        """Waits for a process that seemed dead and still writes a segment."""
        with ExitStack() as stack:
            for segment in segments:
                file = segment_file(extraction.writer.path, segment.first, segment.end)
                stack.enter_context(hold_file(file, _PURPOSE, wait=True))
            yield


class _FrameCount:
    """Counts the frames that are done."""

    def __init__(self) -> None:
        self.frames = 0

    def __call__(self, frames: int) -> None:
        self.frames += frames
