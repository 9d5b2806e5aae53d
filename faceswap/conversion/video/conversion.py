"""Converts one video segment by segment, and joins the segments.

Each segment is made from the source, the faces and the settings alone, so a conversion that was
interrupted and resumed gives what an undisturbed one gives.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from faceswap.conversion.faces.assignment import Assignment
from faceswap.conversion.faces.finding import FaceFinding
from faceswap.conversion.faces.kept_faces import kept_faces
from faceswap.conversion.faces.source_faces import check_source
from faceswap.conversion.faces.sparse_faces import complete, search_all
from faceswap.conversion.output.encode_settings import EncodeSettings
from faceswap.conversion.output.names import Outputs
from faceswap.conversion.output.views import view_info
from faceswap.conversion.output.writing import no_faces, without_report
from faceswap.conversion.swap.swapper import Swapper
from faceswap.conversion.video.appearances import REACH
from faceswap.conversion.video.clip_faces import ClipFaces
from faceswap.conversion.video.finishing import Finishing
from faceswap.conversion.video.frame_files import FrameFiles, sequence_notes
from faceswap.conversion.video.ranges import WHOLE, Ranges, place_pieces
from faceswap.conversion.video.result import VideoResult, summarise
from faceswap.conversion.video.segment_swap import SegmentSwap, until_end
from faceswap.conversion.video.segment_writer import SegmentWriter
from faceswap.conversion.video.segments import (
    Segment,
    consecutive,
    covered,
    plan_segments,
)
from faceswap.conversion.video.stages import Stages
from faceswap.conversion.video.work_folder import SegmentRecord, WorkFolder
from faceswap.facesets.faceset import Faceset
from faceswap.media.frame_table import FrameTable
from faceswap.media.hashed_source import HashedSource
from faceswap.media.joining import Piece
from faceswap.media.pieces import PieceFormat, piece_format
from faceswap.media.video import VideoInfo, VideoReader
from faceswap.provenance.signing import ManifestSigner


@dataclass(frozen=True)
class VideoPlan:
    """How a video is converted.

    Attributes:
        info: Metadata of the video that is read.
        table: Table of its frames.
        segments: Segments of the result.
        writer: Writer of the segments.
    """

    info: VideoInfo
    table: FrameTable
    segments: Sequence[Segment]
    writer: SegmentWriter | FrameFiles

    def missing(self, segments: Iterable[Segment]) -> list[Segment]:
        """Those of the segments that are not complete."""
        return [segment for segment in segments if self.writer.read(segment) is None]


@dataclass(frozen=True)
class VideoConversion:
    """The conversion of one video.

    Attributes:
        hashed: The video.
        outputs: Names of the outputs.
        swapper: Swapper of the faces.
        faces: Faceset of the video, or how its faces are found.
        assignment: Assignment of target identities to the faces.
        encode: Encoding of the output.
        signer: Signer of the segments and the output.
        ranges: Ranges in which faces are swapped.
    """

    hashed: HashedSource
    outputs: Outputs
    swapper: Swapper
    faces: Faceset | FaceFinding
    assignment: Assignment
    encode: EncodeSettings
    signer: ManifestSigner
    ranges: Ranges = WHOLE

    @property
    def work(self) -> WorkFolder:
        """Folder of the segments."""
        sequence = self.outputs.pattern is not None
        return WorkFolder(self.outputs.work, "" if sequence else self._format.suffix)

    @cached_property
    def _format(self) -> PieceFormat:
        return piece_format(self.outputs.path, self.encode.video)

    def run(
        self, key: str, on_frames: Callable[[int], None], *, overwrite: bool = False
    ) -> VideoResult:
        """Converts the segments that are missing, and joins all of them.

        The folder of the segments stays until ``work`` is removed.

        Args:
            key: Text that identifies the conversion.
            on_frames: Callback with the number of frames processed since the last call, in each
                pass.
            overwrite: Whether other images that have a name of an image sequence are removed.

        Raises:
            NoFacesError: No face was found; nothing is written.
        """
        work = self.work
        work.open(key)
        try:
            plan = self.plan()
            stages = Stages()
            missing = plan.missing(plan.segments)
            written = self.convert(plan, missing, stages, on_frames)
            result = self.finish(plan, written, overwrite=overwrite)
            return replace(result, rates=stages.rates())
        finally:
            work.remove_empty()

    def plan(self) -> VideoPlan:
        """Plans the segments, and tries the encoder before the long work.

        Raises:
            MediaError: The source cannot be read, or the encoder not be started.
        """
        info, path = self._reader().info, self.hashed.source.path
        writer = self._writer(info)
        writer.try_out()
        table = FrameTable.of_file(path)
        segments = self.ranges.restrict(plan_segments(table), self.hashed.source)
        return VideoPlan(info, table, segments, writer)

    def convert(
        self,
        plan: VideoPlan,
        wanted: Sequence[Segment],
        stages: Stages,
        on_frames: Callable[[int], None],
        on_wait: Callable[[str], None] = lambda _: None,
    ) -> int:
        """Assigns identities to the faces of the video, and converts some segments.

        Args:
            plan: The plan.
            wanted: Segments to convert; the frames of all others are reported as done.
            stages: Stopwatches.
            on_frames: Callback with the number of frames, as in ``run``.
            on_wait: Callback with a sentence before it waits for the faces that another process
                finds.

        Returns:
            The number of frames that were written.
        """
        with self._open_faces(plan.table.frames, on_frames, on_wait) as faces:
            on_frames(covered(plan.segments) - covered(wanted))
            return sum(
                self._convert(group, faces, plan.writer, stages, on_frames)
                for group in consecutive(wanted)
            )

    def _open_faces(
        self, frames: int, on_frames: Callable[[int], None], on_wait: Callable[[str], None]
    ) -> ClipFaces:
        """The faces of the video, which a first pass finds unless its faceset has all frames.

        Args:
            frames: Number of frames of the video.
            on_frames: Callback with the number of frames of the first pass.
            on_wait: Callback with a sentence before it waits for another process.
        """
        given, kept = self.faces, None
        if isinstance(given, Faceset):
            check_source(given, self.hashed)
        searched = self.finding()
        if isinstance(searched, Faceset):
            faceset = searched
        else:
            on_frames(searched.outside(frames))
            with self.work.hold_faceset(on_wait):
                faceset = searched.extract(self.hashed, self.work.faceset, on_frames)
            if isinstance(given, Faceset):
                faceset, kept = complete(given, faceset)
                self.assignment.deleted = int((~kept_faces(given)).sum())
        return ClipFaces(faceset, self.hashed, self.swapper, self.assignment, kept)

    def finding(self) -> Faceset | FaceFinding:
        """How the faces of all frames are found, unless the given faceset holds them.

        Raises:
            ConfigError: The model or the masker needs face meshes, and the landmarker gives none.
        """
        searched = search_all(self.faces, str(next(self.swapper.loaded.model.parameters()).device))
        if isinstance(searched, FaceFinding) and self.swapper.needs_mesh:
            searched.require_meshes()
        return searched

    def _convert(
        self,
        segments: Sequence[Segment],
        faces: ClipFaces,
        writer: SegmentWriter | FrameFiles,
        stages: Stages,
        on_frames: Callable[[int], None],
    ) -> int:
        """Converts consecutive segments; returns the number of their frames."""
        # One frame more: a deinterlaced frame depends on the one before it.
        reader = self._reader(max(0, segments[0].first - self.swapper.lead - 1))
        samples = None
        if self.swapper.parts.compares:
            samples = self._reader(max(0, segments[0].first - REACH - 1))
        swap = SegmentSwap(self.swapper, self.encode.view, faces, stages, samples)
        with swap.run(reader, segments) as swapped:
            written = (
                writer.write(
                    segment, stages.encode.takes(until_end(swapped)), reader.remarks, on_frames
                )
                for segment in segments
            )
            return sum(stages.encode.gives(written))

    def _reader(self, start: int = 0) -> VideoReader:
        return VideoReader(
            self.hashed.source.path, start, full_depth=True, deinterlace=self.encode.deinterlace
        )

    def _writer(self, info: VideoInfo) -> SegmentWriter | FrameFiles:
        view, work = self.encode.view, self.work
        if self.outputs.pattern is not None:
            pattern, bits = self.outputs.pattern, self.encode.bits
            return FrameFiles(work, self.hashed, pattern, view, bits, self.signer)
        shown = view_info(view, info)
        return SegmentWriter(work, self.hashed, shown, self._format.encoding, self.signer)

    def finish(self, plan: VideoPlan, written: int, *, overwrite: bool = False) -> VideoResult:
        """Makes the output of all segments, which are complete.

        Args:
            plan: The plan.
            written: Number of frames that this run wrote.
            overwrite: Whether numbered images of other conversions are removed.

        Raises:
            NoFacesError: No face was swapped; the segments are removed.
        """
        writer, table = plan.writer, plan.table
        found = {segment: writer.read(segment) for segment in plan.segments}
        records = {segment: record for segment, record in found.items() if record is not None}
        assert len(records) == len(plan.segments)
        result = summarise(table, records, written)
        if not result.faces_swapped:
            self.work.remove()
            if isinstance(writer, FrameFiles):
                writer.remove(records)
            raise no_faces(self.hashed.source.path, result.frames, result.damage)
        if isinstance(writer, FrameFiles):
            if overwrite:
                writer.remove_others(plan.segments)
            notes = (*result.notes, *sequence_notes(plan.info))
            return replace(result, files=writer.files(records), notes=notes)
        notes = self._join(writer.info, records, result)
        return replace(result, files=self.outputs.files, notes=(*result.notes, *notes))

    def _join(
        self,
        info: VideoInfo,
        records: Mapping[Segment, SegmentRecord],
        result: VideoResult,
    ) -> list[str]:
        (source,) = self.hashed.files
        last = [record for record in records.values() if record.pts][-1]
        encode = self.encode
        frame = max(1, round(1 / (info.fps * info.time_base)))
        pieces = [
            (segment, record, Piece(self.work.video(segment), record.pts))
            for segment, record in records.items()
        ]
        duration = last.duration or frame
        placed, kept = place_pieces(
            pieces, cuts=self.ranges.cuts, time_base=info.time_base, frame=frame
        )
        finishing = Finishing(
            info, source.path, duration, encode.quality, encode.video.lossless, encode.audio, kept
        )
        signer = partial(
            self.signer.for_sources,
            source,
            counts=lambda: result.counts,
            shown=lambda: result.shown,
            ranges=self.ranges.swapped(records),
        )
        return finishing.write(
            self.outputs.path,
            placed,
            self.work.joined,
            without_report(signer(), self.outputs.report),
            signer(attached=False),
        )
