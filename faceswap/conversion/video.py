"""Converts one video segment by segment, and joins the segments.

Each segment is made from the source, the faces and the settings alone, so a conversion that was
interrupted and resumed gives what an undisturbed one gives. The stages run concurrently with
bounded queues between them, across the borders of segments.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from faceswap.conversion.assignment import Assignment
from faceswap.conversion.clip_faces import ClipFaces
from faceswap.conversion.encode_settings import EncodeSettings
from faceswap.conversion.finding import FaceFinding
from faceswap.conversion.finishing import Finishing
from faceswap.conversion.outputs import Outputs
from faceswap.conversion.segment_writer import SegmentWriter
from faceswap.conversion.segments import (
    FrameWindows,
    Segment,
    consecutive,
    covered,
    plan_segments,
)
from faceswap.conversion.swapper import Swapper
from faceswap.conversion.work_folder import SegmentRecord, WorkFolder
from faceswap.conversion.writing import no_faces, without_report
from faceswap.core.prefetch import prefetch
from faceswap.facesets.faceset import Faceset
from faceswap.media.frame import Frame
from faceswap.media.frame_table import FrameTable
from faceswap.media.hashed_source import HashedSource
from faceswap.media.joining import Piece
from faceswap.media.pieces import PieceFormat, piece_format
from faceswap.media.timeline import Damage
from faceswap.media.video import VideoInfo, VideoReader
from faceswap.provenance.signing import ManifestSigner

_QUEUE = 8
_COUNTS = ("frames", "frames_swapped", "faces_swapped")


@dataclass(frozen=True)
class VideoResult:
    """What was written of a video.

    Attributes:
        frames: Number of frames.
        frames_now: Number of frames that this run wrote.
        frames_swapped: Number of frames with at least one swapped face.
        faces_swapped: Number of swapped faces.
        damage: Description of the unreadable part of the source; "" if there is none.
        notes: Differences from the source, one line each.
    """

    frames: int
    frames_now: int
    frames_swapped: int
    faces_swapped: int
    damage: str
    notes: tuple[str, ...]


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
    """

    hashed: HashedSource
    outputs: Outputs
    swapper: Swapper
    faces: Faceset | FaceFinding
    assignment: Assignment
    encode: EncodeSettings
    signer: ManifestSigner

    @property
    def work(self) -> WorkFolder:
        """Folder of the segments."""
        return WorkFolder(self.outputs.work, self._format.suffix)

    @property
    def _format(self) -> PieceFormat:
        return piece_format(self.outputs.path, self.encode.video)

    def run(self, key: str, on_frames: Callable[[int], None]) -> VideoResult:
        """Converts the segments that are missing, and joins all of them.

        The folder of the segments stays until ``work`` is removed.

        Args:
            key: Text that identifies the conversion.
            on_frames: Callback with the number of frames processed since the last call, in each
                pass.

        Raises:
            NoFacesError: No face was found; nothing is written.
        """
        work, path = self.work, self.hashed.source.path
        work.open(key)
        try:
            info = self._reader().info
            writer = SegmentWriter(work, self.hashed, info, self._format.encoding, self.signer)
            writer.try_out()  # before the long work
            table = FrameTable.of_file(path)
            segments = plan_segments(table)
            faceset = self.faces
            if isinstance(faceset, FaceFinding):
                if self.swapper.needs_mesh:
                    faceset.require_meshes()
                faceset = faceset.extract(self.hashed.source, work.faceset, on_frames)
            with ClipFaces(faceset, self.hashed, self.swapper, self.assignment) as faces:
                missing = [segment for segment in segments if work.read(segment) is None]
                on_frames(covered(segments) - covered(missing))
                written = sum(
                    self._convert(group, faces, writer, on_frames) for group in consecutive(missing)
                )
            return self._join(info, table, segments, written)
        finally:
            work.remove_empty()

    def _convert(
        self,
        segments: Sequence[Segment],
        faces: ClipFaces,
        writer: SegmentWriter,
        on_frames: Callable[[int], None],
    ) -> int:
        """Converts consecutive segments; returns the number of their frames."""
        lead = self.swapper.lead
        # One frame more: a deinterlaced frame depends on the one before it.
        reader = self._reader(max(0, segments[0].first - lead - 1))
        windows = FrameWindows(prefetch(reader, _QUEUE), lead)
        with closing(prefetch(self._swap(windows, segments, faces), _QUEUE)) as swapped:
            return sum(
                writer.write(segment, _until_end(swapped), reader.remarks, on_frames)
                for segment in segments
            )

    def _reader(self, start: int = 0) -> VideoReader:
        return VideoReader(
            self.hashed.source.path, start, full_depth=True, deinterlace=self.encode.deinterlace
        )

    def _swap(
        self, windows: FrameWindows, segments: Sequence[Segment], faces: ClipFaces
    ) -> Iterator[tuple[Frame, int] | None]:
        """Swapped frames of the segments, each with its number of faces; None ends a segment."""
        for segment in segments:
            found = faces.of(windows.of(segment))
            for swapped in self.swapper(found, wanted=segment.indices):
                yield swapped.frame, len(swapped.faces)
            yield None

    def _join(
        self, info: VideoInfo, table: FrameTable, segments: Sequence[Segment], written: int
    ) -> VideoResult:
        """Writes the output from all segments."""
        (source,) = self.hashed.files
        found = {segment: self.work.read(segment) for segment in segments}
        records = {segment: record for segment, record in found.items() if record is not None}
        assert len(records) == len(segments)
        shown = {segment: record for segment, record in records.items() if record.pts}
        result = _summary(table, records, written)
        if not result.faces_swapped:
            self.work.remove()
            raise no_faces(source.path, result.frames, result.damage)
        counts = {name: getattr(result, name) for name in _COUNTS}
        *_, last = shown.values()
        duration = last.duration or max(1, round(1 / (info.fps * info.time_base)))
        lossless = self.encode.video.lossless
        finishing = Finishing(info, source.path, duration, self.encode.quality, lossless)
        sign = self.signer.for_sources(source, counts=lambda: counts)
        notes = finishing.write(
            self.outputs.path,
            [Piece(self.work.video(segment), record.pts) for segment, record in shown.items()],
            self.work.joined,
            without_report(sign, self.outputs.report),
            self.signer.for_sources(source, counts=lambda: counts, attached=False),
        )
        return replace(result, notes=(*result.notes, *notes))


def _until_end(swapped: Iterator[tuple[Frame, int] | None]) -> Iterator[tuple[Frame, int]]:
    """The frames of one segment."""
    while (item := next(swapped)) is not None:
        yield item


def _summary(
    table: FrameTable, records: Mapping[Segment, SegmentRecord], written: int
) -> VideoResult:
    """What all segments contain."""
    frames = sum(len(record.pts) for record in records.values())
    damage = Damage()
    damage.total, damage.missing = table.frames, table.frames - frames
    damage.faulty = sum(record.faulty for record in records.values())
    notes = (note for record in records.values() for note in record.notes)
    return VideoResult(
        frames=frames,
        frames_now=written,
        frames_swapped=sum(record.frames_swapped for record in records.values()),
        faces_swapped=sum(record.faces_swapped for record in records.values()),
        damage=table.damage or damage.text() or "",
        notes=tuple(dict.fromkeys([*table.notes, *notes])),
    )
