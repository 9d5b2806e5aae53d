"""Extraction as the work of an engine: planned, done in parts and assembled, by any processes."""

import platform
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from faceswap.core.device import pick_device
from faceswap.core.errors import MediaError, NoFacesError, StorageFullError
from faceswap.core.locks import hold_folder
from faceswap.core.outputs import check_outputs
from faceswap.core.scratch import scratch_folder
from faceswap.engines.work import Part, PartResult, Plan
from faceswap.extraction.assembly import Assembly
from faceswap.extraction.identities import People
from faceswap.extraction.moments import Moment, frame_span
from faceswap.extraction.networks import Networks
from faceswap.extraction.parts import (
    PartFacts,
    SegmentsPart,
    facts_of,
    plan_parts,
    run_part,
    run_whole,
)
from faceswap.extraction.people_options import PeopleOptions
from faceswap.extraction.report import ExtractReport
from faceswap.extraction.settings import ExtractSettings
from faceswap.extraction.source_extraction import SourceExtraction
from faceswap.facesets.files import RECORD, REPLACES, SEGMENTS, remove_empty_folder
from faceswap.facesets.record import read_record
from faceswap.facesets.replacement import Replacement
from faceswap.facesets.segments import segment_files
from faceswap.facesets.subjects import is_faceset, set_subject
from faceswap.facesets.writer import FacesetWriter
from faceswap.media.hashed_source import HashedSource, hash_source
from faceswap.media.remote_sources import fetched
from faceswap.media.sources import Source
from faceswap.provenance.subject import Subject

_PURPOSE = "the extraction"


@dataclass(frozen=True)
class ExtractWork:
    """The extraction of sources into facesets of one folder.

    A video whose frames are known without decoding it is divided at key frames. Photos, other
    videos, and sources at URLs are one part each.

    Attributes:
        folder: Folder of the facesets, which all processes share.
        settings: Settings that the faces depend on, without a span.
        span: First processed moment, and the first one that is not; None for no limit.
        people: Options by which people are recognised and chosen.
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

    def places(self, item: Source) -> Sequence[Path]:
        """The folder of the facesets, and the footage unless it is at a URL."""
        return [self.folder] if item.origin else [self.folder, item.path]

    def plan(self, item: Source) -> Plan:
        """Hashes a source, begins its faceset, and divides what is left to do."""
        directory = self.folder / item.name
        if item.origin:
            # The part makes the copy and begins the new faceset; a late one must not begin again.
            if self.overwrite and is_faceset(directory):
                Replacement(directory, self.run_name)
            return Plan([Part(0)])
        check_outputs([directory / RECORD], overwrite=True)
        hashed = hash_source(item)
        with hold_folder(directory, _PURPOSE):
            return plan_parts(self._open(hashed, self._settings_of(item), joins=False))

    def run(self, item: Source, part: Part) -> PartResult:
        """Extracts some segments of a source, or all of it."""
        if isinstance(part.content, SegmentsPart):
            if not is_faceset(self.folder / item.name):  # it had no faces, and this process is late
                return PartResult(0)
            return run_part(self._open(part.content.hashed, part.content.settings), part.content)
        try:
            with _local(item) as local:
                return run_whole(self._open(hash_source(local), self._settings_of(local)))
        finally:
            remove_empty_folder(self.folder / item.name)

    def finish(
        self, item: Source, facts: PartFacts | None, results: Sequence[PartResult]
    ) -> ExtractReport:
        """Makes the faceset of all segments."""
        directory = self.folder / item.name
        if not is_faceset(directory):  # a process was killed just after it had removed it
            raise NoFacesError(f"No face was found in {item.path}.")
        record = read_record(directory)
        notes: tuple[str, ...] = ()
        replaces = (directory / SEGMENTS / REPLACES).exists()
        if not record["complete"] or replaces or segment_files(directory):
            notes = self._assemble(item, directory, record, facts_of(facts, results))
        if self.subject is not None:
            set_subject(directory, self.subject)
        return ExtractReport.of_faceset(
            item.name,
            directory,
            read_record(directory),
            notes,
            frames_now=sum(result.frames for result in results),
        )

    def _assemble(
        self, item: Source, directory: Path, record: dict[str, Any], facts: PartFacts
    ) -> tuple[str, ...]:
        """Joins the segments; returns lines about the source and its people."""
        try:
            with hold_folder(directory, _PURPOSE):
                writer = FacesetWriter(
                    directory,
                    record["source"],
                    record["extractor"],
                    overwrite=self.overwrite,
                    run=self.run_name,
                    joins=True,
                )
                if writer.complete:
                    return facts.notes
                video = item.kind == "video"
                assembly = Assembly(item, writer, self._people, facts.span, stitches=video)
                return (*facts.notes, *assembly.finish())
        finally:
            remove_empty_folder(directory)

    def _open(
        self, hashed: HashedSource, settings: ExtractSettings, *, joins: bool = True
    ) -> SourceExtraction:
        """The extraction of a source, by a process that joins what ``plan`` began."""
        return SourceExtraction.open(
            hashed,
            self.folder / hashed.source.name,
            settings,
            people=self._people,
            networks=self._networks,
            overwrite=self.overwrite,
            run=self.run_name,
            joins=joins,
        )

    def _settings_of(self, source: Source) -> ExtractSettings:
        first, end = frame_span(source, *self.span)
        return replace(self.settings, first_frame=first, end_frame=end)


@contextmanager
def _local(item: Source) -> Iterator[Source]:
    """A source whose files are on this machine, in a temporary folder if it is at a URL.

    Raises:
        MediaError: The temporary folder of this machine is full, which concerns no other machine.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder())
        try:
            local = stack.enter_context(fetched(item, folder))
        except StorageFullError as error:
            raise MediaError(
                f"There is no space for a copy of {item.name} in {folder.parent} on "
                f"{platform.node()}.",
                "Set TMPDIR to a larger folder where the nodes are started.",
            ) from error
        yield local
