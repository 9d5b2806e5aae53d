"""Counts the frames of a conversion, and writes and signs photos."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

from faceswap.conversion.output.names import Outputs
from faceswap.conversion.swap.swapper import SwappedFrame
from faceswap.core.errors import NoFacesError
from faceswap.core.held_file import HeldFile, Signer
from faceswap.media.deep_photos import read_picture
from faceswap.media.frame import Frame
from faceswap.media.hashed_source import HashedSource
from faceswap.media.photos import ImageWriter
from faceswap.media.picture import Picture
from faceswap.media.sources import FrameReader
from faceswap.provenance.metadata import xmp_packet
from faceswap.provenance.signing import ManifestSigner


class Counts:
    """Counts frames and swapped faces as they are written.

    Args:
        finished: Number of swapped faces of each photo that an earlier run wrote.
        shown: Identities that these photos show.

    Attributes:
        frames: Number of frames, the finished ones included.
        frames_now: Number of frames that this run wrote.
        frames_swapped: Number of frames with at least one swapped face.
        faces_swapped: Number of swapped faces.
        shown: Identities to which faces were swapped.
        in_frame: Number of faces swapped in the frame that is being written.
        shown_in_frame: Identities to which they were swapped.
    """

    def __init__(self, finished: Mapping[int, int], shown: Iterable[str] = ()) -> None:
        self.frames = len(finished)
        self.frames_now = self.in_frame = 0
        self.shown = {*shown}
        self.shown_in_frame: set[str] = set()
        self.frames_swapped = sum(faces > 0 for faces in finished.values())
        self.faces_swapped = sum(finished.values())

    def watch(
        self, swapped: Iterable[SwappedFrame], on_frames: Callable[[int], None]
    ) -> Iterator[SwappedFrame]:
        """Passes swapped frames on, and counts them and their faces."""
        for done in swapped:
            faces = self.in_frame = len(done.faces)
            self.shown_in_frame = {swapped.face.to for swapped in done.faces}
            yield done
            self.shown |= self.shown_in_frame
            self.frames += 1
            self.frames_now += 1
            self.frames_swapped += faces > 0
            self.faces_swapped += faces
            on_frames(1)

    def of_video(self) -> dict[str, int]:
        """Counts for the manifest of a video."""
        return {
            "frames": self.frames,
            "frames_swapped": self.frames_swapped,
            "faces_swapped": self.faces_swapped,
        }

    def check(self, source: Path, reader: FrameReader) -> None:
        """Raises ``NoFacesError`` if there was no face at all."""
        if not self.faces_swapped:
            raise no_faces(source, self.frames_now, reader.damage or "")


def no_faces(source: Path, frames: int, damage: str) -> NoFacesError:
    """The error for a source without any face, of which some frames were read."""
    damage = f" {damage}." if damage else ""
    return NoFacesError(
        f"Expected faces in {source}, found none in {frames} frames.{damage}",
        "Try another --detector, or check the input file.",
    )


def without_report(sign: Signer, report: Path) -> Signer:
    """A signer that also removes the report of the file that is replaced."""

    def work(file: HeldFile, final: Path) -> Iterable[Path]:
        companions = sign(file, final)
        report.unlink(missing_ok=True)
        return companions

    return work


def write_photos(
    frames: Iterable[Frame],
    counts: Counts,
    outputs: Outputs,
    hashed: HashedSource,
    reader: FrameReader,
    finished: Collection[int],
    quality: int,
    signer: ManifestSigner,
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Writes photos one by one; existing ones are replaced one by one.

    Nothing is written before the first face is found: a source without faces leaves everything as
    it was.

    Returns:
        Indices in the source of all photos that are converted now, and notes about them.

    Raises:
        NoFacesError: No face was swapped; nothing is written.
    """
    writer = ImageWriter(quality, xmp_packet())
    written: list[int] = []
    waiting: list[int] = []  # photos before the first one with a face

    def write(index: int, picture: Picture, faces: int, shown: Collection[str]) -> None:
        sign = signer.for_sources(
            hashed.files[index], counts=lambda: {"faces_swapped": faces}, shown=lambda: shown
        )
        writer.write(outputs.files[index], picture, hashed.files[index].path, sign)
        written.append(index)

    for frame in frames:
        if not counts.in_frame and not counts.faces_swapped:
            waiting.append(frame.index)
            continue
        if not written:
            outputs.report.unlink(missing_ok=True)  # it describes the photos that are replaced
        for index in waiting:
            write(index, read_picture(hashed.files[index].path)[0], 0, ())
        waiting.clear()
        write(frame.index, frame.picture, counts.in_frame, counts.shown_in_frame)
    counts.check(hashed.source.path, reader)
    for index in finished:
        writer.note(outputs.files[index], hashed.files[index].path)
    return tuple(sorted([*finished, *written])), tuple(writer.notes)
