"""Writes the frames of a video as numbered images, or the patches of its faces."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path

import numpy as np

from faceswap.conversion.output.patches import PATCHES, describe_patches, patches_of
from faceswap.conversion.output.rendering import in_bits
from faceswap.conversion.output.views import Shown
from faceswap.conversion.swap.compositing import SwappedFace
from faceswap.conversion.swap.swapper import SwappedFrame
from faceswap.conversion.video.segment_counts import SegmentCounts
from faceswap.conversion.video.segments import Segment
from faceswap.conversion.video.work_folder import SegmentRecord, WorkFolder
from faceswap.core.held_file import signed_path
from faceswap.media.frame_pattern import DESCRIPTION, FramePattern
from faceswap.media.hashed_source import HashedSource
from faceswap.media.images import encode_image
from faceswap.media.pace import read_pace
from faceswap.media.picture import Picture, Stored
from faceswap.media.picture_losses import HDR
from faceswap.media.video_info import VideoInfo
from faceswap.provenance.metadata import xmp_packet
from faceswap.provenance.signing import ManifestSigner


@dataclass(frozen=True)
class FrameFiles:
    """Writes the segments of one video as signed images; each image is complete or absent.

    Attributes:
        work: Folder of the records of the segments.
        hashed: The video.
        pattern: Names of the images.
        view: View that they show. With ``patch`` there is an image of each face, and a description
            of those of each frame.
        bits: Bits per channel, 8 or 16; None for 16 if the video has more than 8.
        signer: Signer of the images.
    """

    work: WorkFolder
    hashed: HashedSource
    pattern: FramePattern
    view: Shown
    bits: int | None
    signer: ManifestSigner

    def try_out(self) -> None:
        """Does nothing: there is no encoder that could not be started."""

    def read(self, segment: Segment) -> SegmentRecord | None:
        """Record of a segment whose images are all there; None otherwise."""
        record = self.work.read(segment)
        if record is None:
            return None
        there = sum(self._main_file(index).is_file() for index in segment.indices)
        return record if there == len(record.pts) else None

    def write(
        self,
        segment: Segment,
        swapped: Iterator[SwappedFrame],
        remarks: Callable[[], list[str]],
        on_frames: Callable[[int], None],
    ) -> int:
        """Writes the images of a segment and then its record; see ``SegmentWriter.write``."""
        counts = SegmentCounts()
        undecoded = {*segment.indices}
        with self.work.hold(segment):
            for done in counts.watch(swapped, on_frames):
                self._write(done)
                undecoded.remove(done.frame.index)
            for index in undecoded:  # of another conversion
                for file in [*self._existing(index)]:
                    file.unlink()
            self.work.write(segment, counts.record(remarks()))
        return counts.frames

    def files(self, segments: Iterable[Segment]) -> tuple[Path, ...]:
        """All images of complete segments."""
        return tuple(file for file in self._written(segments) if file.suffix != DESCRIPTION)

    def remove(self, segments: Iterable[Segment]) -> None:
        """Removes what was written of segments."""
        for file in [*self._written(segments)]:
            file.unlink()

    def remove_others(self, segments: Iterable[Segment]) -> None:
        """Removes what has a name of the sequence and was not written of these segments."""
        for file in {*self.pattern.existing()} - {*self._written(segments)}:
            file.unlink()

    def _written(self, segments: Iterable[Segment]) -> Iterator[Path]:
        for segment in segments:
            for index in segment.indices:
                yield from self._existing(index)

    def _existing(self, index: int) -> Iterator[Path]:
        """Existing files of a frame."""
        main = self._main_file(index)
        if main.is_file():
            yield main
        if self.view == "patch":
            yield from self._patches(index)

    def _main_file(self, index: int) -> Path:
        suffix = DESCRIPTION if self.view == "patch" else ""
        return self.pattern.file(index, suffix=suffix)

    def _patches(self, index: int) -> Iterator[Path]:
        """Existing images of the faces of a frame, which are numbered from 0."""
        names = (self.pattern.file(index, f"-{number}") for number in count())
        return takewhile(Path.is_file, names)

    def _write(self, done: SwappedFrame) -> None:
        index = done.frame.index
        if self.view != "patch":
            pixels = stored_pixels(done.frame.picture, self._bits(done.frame.picture))
            self._write_image(self.pattern.file(index), pixels, done.faces)
            return
        for stale in [*self._patches(index)]:
            stale.unlink()
        patches = patches_of(done.faces)
        files = [self.pattern.file(index, f"-{number}") for number in range(len(patches))]
        for file, patch in zip(files, patches, strict=True):
            pixels = in_bits(patch.pixels, self._bits(done.frame.picture))
            self._write_image(file, pixels, [patch.face])
        names = [file.name for file in files]
        body = describe_patches(done.frame, self.hashed.source.path.name, patches, names)
        PATCHES.write(self._main_file(index), body)

    def _bits(self, picture: Picture) -> int:
        return self.bits or (8 if picture.bits == 8 else 16)

    def _write_image(self, path: Path, pixels: Stored, faces: Sequence[SwappedFace]) -> None:
        sign = self.signer.for_sources(
            *self.hashed.files,
            counts=lambda: {"faces_swapped": len(faces)},
            shown=lambda: {swapped.face.to for swapped in faces},
            attached=False,
        )
        with signed_path(path, sign) as file:
            file.write(encode_image(pixels, path.suffix, xmp=xmp_packet()))


def sequence_notes(info: VideoInfo) -> list[str]:
    """Lines about what image sequences do not have of a video."""
    notes = ["audio was dropped: image sequences have none"] if info.audio_streams else []
    if not read_pace(info.path).steady:
        notes.append("the frame rate varies: image sequences have no time stamps")
    if info.pixel_aspect != 1:
        notes.append(f"the pixel aspect ratio {info.pixel_aspect} is not stored in images")
    if info.colour.transfer in HDR:
        notes.append("the video is HDR: its colour space and brightness are not stored in images")
    return notes


def stored_pixels(picture: Picture, bits: int) -> Stored:
    """Pixels of a picture in 8 or 16 bits, ``(H, W, 3 or 4)``; with its opacity, if it has one."""
    if bits == 8:
        pixels = picture.rgb8()
    else:
        whole = picture.read(0, 0, picture.width, picture.height)
        pixels = in_bits(whole.clip(0, 1), bits)
    alpha = picture.alpha
    if alpha is None:
        return pixels
    opacity = alpha.astype(np.float32) / np.float32(2**picture.bits - 1)
    return np.dstack([pixels, in_bits(opacity, bits)])
