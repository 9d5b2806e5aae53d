"""Writes the segments of a video, each as a signed file with a record beside it."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

from faceswap.conversion.swap.swapper import SwappedFrame
from faceswap.conversion.video.segment_counts import SegmentCounts
from faceswap.conversion.video.segments import Segment
from faceswap.conversion.video.work_folder import TRIAL, SegmentRecord, WorkFolder
from faceswap.media.encoders import VideoEncoding
from faceswap.media.hashed_source import HashedSource
from faceswap.media.video import VideoInfo
from faceswap.media.writer import VideoWriter
from faceswap.provenance.metadata import SYNTHETIC
from faceswap.provenance.signing import ManifestSigner


class _TrialEndedError(Exception):
    """Ends a trial, so that no file is left of it."""


@dataclass(frozen=True)
class SegmentWriter:
    """Writes the segments of one video.

    Attributes:
        work: Folder of the segments.
        hashed: The video.
        info: Metadata of the video that is read.
        encoding: Encoding of the output.
        signer: Signer of the segments.
    """

    work: WorkFolder
    hashed: HashedSource
    info: VideoInfo
    encoding: VideoEncoding
    signer: ManifestSigner

    def try_out(self) -> None:
        """Starts the encoder and leaves nothing: its options may be wrong.

        Raises:
            MediaError: It cannot be started.
        """
        with suppress(_TrialEndedError), self._open(TRIAL, SegmentCounts()):
            raise _TrialEndedError

    def read(self, segment: Segment) -> SegmentRecord | None:
        """Record of a segment; None if it is not complete."""
        return self.work.read(segment)

    def write(
        self,
        segment: Segment,
        swapped: Iterator[SwappedFrame],
        remarks: Callable[[], list[str]],
        on_frames: Callable[[int], None],
    ) -> int:
        """Writes a segment and then its record; returns the number of its frames.

        Args:
            segment: The segment.
            swapped: Frames of the segment.
            remarks: Function that returns lines about how the frames differ from the source; called
                after the last one.
            on_frames: Callback with the number of frames written since the last call.

        Raises:
            OutputBusyError: Another process writes the segment.
            SourceChangedError: The source changed while it was read.
            StorageFullError: The disk is full; nothing is left of the segment.
        """
        counts, notes = SegmentCounts(), list[str]()
        frames = counts.watch(swapped, on_frames)
        with self.work.hold(segment):
            first = next(frames, None)
            if first is not None:
                with self._open(segment, counts) as writer:
                    for done in chain([first], frames):
                        frame = done.frame
                        writer.write(frame.picture, frame.pts, frame.duration)
                notes = [*remarks(), *writer.notes]
            self.work.write(segment, counts.record(notes))
        return counts.frames

    def _open(self, segment: Segment, counts: SegmentCounts) -> VideoWriter:
        sign = self.signer.for_sources(
            *self.hashed.files, counts=counts.of_video, shown=lambda: counts.shown, attached=False
        )
        return VideoWriter(
            self.work.video(segment),
            self.info,
            encoding=self.encoding,
            metadata=SYNTHETIC,
            full_depth=True,
            sign=sign,
        )
