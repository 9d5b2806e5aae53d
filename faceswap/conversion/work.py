"""Conversion as the work of an engine: first the faces of all videos, then their segments."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from faceswap.conversion.faces.assignment import Assignment
from faceswap.conversion.faces.finding import FaceFinding
from faceswap.conversion.output.earlier import Earlier
from faceswap.conversion.output.names import Outputs
from faceswap.conversion.output.report import ConvertReport
from faceswap.conversion.pipeline import ConvertJob
from faceswap.conversion.setup import ConvertSetup
from faceswap.conversion.sharded import join_segments, take_part
from faceswap.conversion.video.conversion import VideoConversion, VideoPlan
from faceswap.conversion.video.segments import Segment, consecutive, covered
from faceswap.conversion.video.stages import Stages
from faceswap.core.errors import NoFacesError, OutputError
from faceswap.core.locks import check_free
from faceswap.core.outputs import check_outputs
from faceswap.engines.work import Part, PartResult, Plan
from faceswap.extraction.parts import SegmentsPart, plan_parts, run_part, run_whole
from faceswap.extraction.source_extraction import SourceExtraction
from faceswap.facesets.files import remove_empty_folder
from faceswap.media.hashed_source import HashedSource
from faceswap.media.sources import Source

_SEGMENTS = 4  # of a part: no encoder is tried, and nothing decoded twice between two of them
_PLANNING, _JOINING = "planning", "joining"


@dataclass(frozen=True)
class ConvertItem:
    """A source with the names of its outputs.

    Attributes:
        source: Source.
        outputs: Names of its outputs.
    """

    source: Source
    outputs: Outputs

    @property
    def name(self) -> str:
        """Name of the source."""
        return self.source.name


@dataclass(frozen=True)
class SharedVideo:
    """The conversion of a video in which several processes take part.

    Attributes:
        job: The conversion.
        hashed: The video, as it was when the work was planned.
        video: The conversion of its pictures.
    """

    job: ConvertJob
    hashed: HashedSource
    video: VideoConversion

    @classmethod
    def of(cls, job: ConvertJob, hashed: HashedSource) -> "SharedVideo":
        """The conversion of a hashed video."""
        return cls(job, hashed, job.video(hashed, Assignment(job.targets, job.source.name)))

    @cached_property
    def key(self) -> str:
        """Text that identifies the conversion."""
        return self.job.key(self.hashed)

    @cached_property
    def plan(self) -> VideoPlan:
        """How the video is cut."""
        return self.video.plan()

    @cached_property
    def extraction(self) -> SourceExtraction | None:
        """The search for the faces of all frames; None if a faceset holds them."""
        finding = self.video.finding()
        if not isinstance(finding, FaceFinding):
            return None
        return finding.open(self.hashed, self.video.work.faceset)

    def renew(self) -> None:
        """Removes what a conversion with other settings left unfinished.

        Raises:
            OutputBusyError: Another process is at work on it.
        """
        work = self.video.work
        if work.path.exists() and not work.is_of(self.key):
            with self.job.outputs.hold():
                check_free(self.job.outputs.work)
                work.open(self.key)

    @contextmanager
    def share(self, part: str) -> Iterator[None]:
        """Takes part, after a process that seemed dead and still does the same part.

        Args:
            part: Part of this process in a few words.
        """
        try:
            with take_part(self.job, self.video, self.key, part, wait=True):
                yield
        except NoFacesError:
            self.video.assignment.check()  # there may be faces, and others be meant
            raise
        finally:
            self.video.work.remove_empty()


@dataclass(frozen=True)
class _ConversionWork:
    """What both works have in common.

    Attributes:
        setup: Model, settings and names that all conversions are made with.
        overwrite: Whether to replace whatever exists under the names of the outputs.
    """

    setup: ConvertSetup
    overwrite: bool = False

    @property
    def ordered(self) -> bool:
        """Whether sources are finished in their order: no, each is for itself."""
        return False

    def places(self, item: ConvertItem) -> Sequence[Path]:
        """The footage, the model, and the facesets if there are some."""
        setup = self.setup
        return [item.source.path, setup.model, *filter(None, [setup.faceset])]

    @cached_property
    def _opened(self) -> dict[str, SharedVideo]:
        return {}

    def _job(self, item: ConvertItem, hashed: HashedSource | None = None) -> ConvertJob:
        return self.setup.job(item.source, item.outputs, hashed)

    def _begin(self, item: ConvertItem) -> tuple[ConvertJob, Earlier]:
        """The conversion of an item, and what an identical one left."""
        job = self._job(item)
        earlier = None if self.overwrite else job.find_earlier()
        job.check()
        check_outputs(item.outputs.names(), overwrite=True)
        return job, job.begin(earlier, self.overwrite)

    def _open(self, item: ConvertItem, hashed: HashedSource) -> SharedVideo:
        """The conversion of a video; the last one is kept, since its parts follow each other."""
        kept = self._opened.get(item.name)
        if kept is None or kept.hashed != hashed:
            self._opened.clear()
            kept = self._opened[item.name] = SharedVideo.of(self._job(item, hashed), hashed)
        return kept


@dataclass(frozen=True)
class FindFacesWork(_ConversionWork):
    """The search for the faces of videos without a faceset, or with one of every n-th frame."""

    def plan(self, item: ConvertItem) -> Plan:
        """Divides the search in a video; nothing is to be done for other sources."""
        if item.source.kind == "images":
            return Plan([])
        job, earlier = self._begin(item)
        if earlier.report is not None:
            return Plan([])
        shared = SharedVideo.of(job, earlier.hashed)
        shared.renew()
        with shared.share(_PLANNING):
            if shared.extraction is None:
                return Plan([])
            return replace(plan_parts(shared.extraction), facts=earlier.hashed)

    def run(self, item: ConvertItem, part: Part) -> PartResult:
        """Finds the faces of some segments, or of all."""
        if isinstance(part.content, SegmentsPart):
            shared = self._open(item, part.content.hashed)
            with shared.share(f"faces from frame {part.content.segments[0].first}"):
                return run_part(_searched(shared), part.content)
        job, earlier = self._begin(item)
        shared = SharedVideo.of(job, earlier.hashed)
        with shared.share("faces"):
            return run_whole(_searched(shared))

    def finish(
        self, item: ConvertItem, facts: HashedSource | None, results: Sequence[PartResult]
    ) -> int:
        """Makes the faceset of a video; returns the number of frames that were searched."""
        if facts is not None:
            shared = SharedVideo.of(self._job(item, facts), facts)
            with shared.share(_JOINING):
                extraction = _searched(shared)
                try:
                    if not extraction.writer.complete:
                        extraction.finish()
                finally:
                    remove_empty_folder(extraction.writer.path)
        return sum(result.frames for result in results)


@dataclass(frozen=True)
class ConvertWork(_ConversionWork):
    """The conversion of sources, after the faces of all videos were found."""

    def plan(self, item: ConvertItem) -> Plan:
        """Divides a video into segments; the photos of a source are one part."""
        job, earlier = self._begin(item)
        if earlier.report is not None:
            return Plan([], earlier.report)
        if item.source.kind == "images":
            return Plan([Part(len(item.source.files))])
        shared = SharedVideo.of(job, earlier.hashed)
        with shared.share(_PLANNING):
            plan = shared.plan
            parts = [
                Part(covered(group[begin : begin + _SEGMENTS]), some)
                for group in consecutive(plan.missing(plan.segments))
                for begin in range(0, len(group), _SEGMENTS)
                for some in [(earlier.hashed, group[begin : begin + _SEGMENTS])]
            ]
            return Plan(parts, earlier.hashed)

    def run(self, item: ConvertItem, part: Part) -> PartResult:
        """Converts some segments of a video, or photos."""
        if part.content is None:
            job, earlier = self._begin(item)
            report = job.run(earlier, overwrite=self.overwrite)
            return PartResult(report.frames_now, report)
        hashed, segments = part.content
        shared = self._open(item, hashed)
        return PartResult(self._convert(shared, segments))

    def _convert(self, shared: SharedVideo, segments: Sequence[Segment]) -> int:
        """Converts segments that are missing; returns the number of their frames."""
        with shared.share(f"segments from frame {segments[0].first}"):
            missing = shared.plan.missing(segments)
            if not missing:
                return 0
            return shared.video.convert(shared.plan, missing, Stages(), lambda _: None)

    def finish(
        self,
        item: ConvertItem,
        facts: HashedSource | ConvertReport | None,
        results: Sequence[PartResult],
    ) -> ConvertReport:
        """Joins the segments of a video."""
        begun = time.monotonic()
        if isinstance(facts, ConvertReport):
            return facts
        if facts is None:
            (photos,) = results
            return photos.facts
        shared = self._open(item, facts)
        with shared.share(_JOINING):
            written = sum(result.frames for result in results)
            report = join_segments(
                shared.job,
                shared.video,
                shared.plan,
                written,
                begun,
                assigned=False,
                overwrite=self.overwrite,
            )
        if report is None:
            raise OutputError(
                f"Another process removed the segments of {item.name}.",
                "Run the same command again.",
            )
        return report


def _searched(shared: SharedVideo) -> SourceExtraction:
    assert shared.extraction is not None
    return shared.extraction
