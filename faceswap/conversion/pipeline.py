"""Converts one source: decode, find the faces, swap them, encode.

The stages run at once behind bounded queues, so memory does not grow with the length of the input
and the order of the frames is exact.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from faceswap.conversion.swapper import Landmarks, Swapper
from faceswap.core.errors import FacesetError, NoFacesError
from faceswap.core.prefetch import prefetch
from faceswap.facesets.faceset import Faceset
from faceswap.media.frame import Frame
from faceswap.media.images import ImageWriter
from faceswap.media.sources import Source, open_source
from faceswap.media.video import VideoReader
from faceswap.media.writer import VideoWriter
from faceswap.models.model_file import LoadedModel
from faceswap.provenance.identity import SigningIdentity, open_identity
from faceswap.provenance.manifest import Conversion
from faceswap.provenance.metadata import SYNTHETIC, xmp_packet
from faceswap.provenance.sidecar import sidecar_path
from faceswap.provenance.signing import ManifestSigner
from faceswap.tracking.finder import build_tracker, track_faces
from faceswap.tracking.smoothing import smooth
from faceswap.tracking.tracker import Tracker

_QUEUE = 8
_BATCH = 8  # frames that are swapped together


@dataclass(frozen=True)
class EncodeSettings:
    """How converted video is written.

    Attributes:
        encoder: FFmpeg's name of the video encoder; None for the one that suits the container.
        crf: Constant rate factor, lower is better and larger; None for near-transparent.
        preset: The encoder's trade of speed for size; None for a quick one.
        quality: JPEG quality of converted photos.
    """

    encoder: str | None = None
    crf: int | None = None
    preset: str | None = None
    quality: int = 95


@dataclass(frozen=True)
class ConvertReport:
    """What became of one source.

    Attributes:
        output: The file, or the folder of photos, that was written.
        files: The files that were written.
        frames: Frames written.
        frames_swapped: Frames in which at least one face was swapped.
        faces_swapped: Faces swapped.
        seconds: Time taken.
        damage: What could not be read of the source, or "".
        notes: What the writer had to do differently from the source.
    """

    output: Path
    files: tuple[Path, ...]
    frames: int
    frames_swapped: int
    faces_swapped: int
    seconds: float
    damage: str
    notes: tuple[str, ...]


FramesWithFaces = Iterable[tuple[Frame, Sequence[Landmarks]]]


def convert_source(
    source: Source,
    output: Path,
    swapper: Swapper,
    *,
    faceset: Faceset | None = None,
    tracker: Tracker | None = None,
    encode: EncodeSettings | None = None,
    identity: SigningIdentity | None = None,
    on_frames: Callable[[int], None] = lambda _: None,
) -> ConvertReport:
    """Swaps the faces of a video or of photos and writes the result, marked and signed.

    Args:
        source: What to convert.
        output: File for a video, folder for photos. It appears only when the work is complete.
        swapper: Model, identity and compositing.
        faceset: Where the faces are; without it they are found on the fly.
        tracker: Finds them on the fly, and has seen no other footage; None for a default one.
        encode: How to write video.
        identity: Who signs; None for the local identity, which is made when there is none.
        on_frames: Called with the number of frames written since the last call.

    Raises:
        ProvenanceError: Nothing can be signed, and so nothing is converted.
        FacesetError: The faceset is of another source or skips frames.
        NoFacesError: There was no face to swap; no output is left.
        MediaError: The source cannot be read or the output cannot be written.
        StorageFullError: The disk is full; no half output is left.
    """
    begun = time.monotonic()
    encode = encode or EncodeSettings()
    signer = ManifestSigner(
        identity or open_identity(), describe_conversion(swapper.loaded, swapper.to)
    )
    reader = open_source(source)
    frames = prefetch(reader, _QUEUE)
    if faceset is None:
        found = find_landmarks(frames, source.kind, tracker or build_tracker())
    else:
        found = _known_faces(frames, source, faceset)
    with closing(prefetch(swap_faces(prefetch(found, _QUEUE), swapper), _QUEUE)) as swapped:
        counts = _Counts(source)
        counted = counts.watch(swapped, on_frames)
        if isinstance(reader, VideoReader):
            files, notes = _write_video(counted, counts, output, reader, encode, signer)
        else:
            files, notes = _write_photos(counted, counts, source, output, encode, signer)
    return ConvertReport(
        output=output,
        files=files,
        frames=counts.frames,
        frames_swapped=counts.frames_swapped,
        faces_swapped=counts.faces_swapped,
        seconds=time.monotonic() - begun,
        damage=reader.damage or "",
        notes=notes,
    )


def describe_conversion(loaded: LoadedModel, *shows: str) -> Conversion:
    """What the marks of a file say that shows the faces of these identities of a model."""
    return Conversion(loaded.record(), shows, loaded.meta.subjects)


_Written = tuple[tuple[Path, ...], tuple[str, ...]]  # files, and notes about them


class _Counts:
    """Counts what passes on its way to the writer."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.frames = self.frames_swapped = self.faces_swapped = 0
        self.in_frame = 0  # faces swapped in the frame that is being written

    def watch(
        self, swapped: Iterable[tuple[Frame, int]], on_frames: Callable[[int], None]
    ) -> Iterator[Frame]:
        for frame, faces in swapped:
            self.in_frame = faces
            yield frame
            self.frames += 1
            self.frames_swapped += faces > 0
            self.faces_swapped += faces
            on_frames(1)

    def of_video(self) -> dict[str, int]:
        return {
            "frames": self.frames,
            "frames_swapped": self.frames_swapped,
            "faces_swapped": self.faces_swapped,
        }

    def of_photo(self) -> dict[str, int]:
        # One in which no face was found went through the same hands, and is marked with a nought.
        return {"faces_swapped": self.in_frame}

    def check(self) -> None:
        if not self.faces_swapped:
            raise NoFacesError(
                f"No face was found in {self._source.path} ({self.frames} frames looked at), "
                "so there is nothing to convert.",
                "Try another --detector, or check that this is the right file.",
            )


def _known_faces(frames: Iterable[Frame], source: Source, faceset: Faceset) -> FramesWithFaces:
    if faceset.record["source"]["sha256"] != source.content_hash():
        raise FacesetError(
            f"The faceset {faceset.path} was extracted from {faceset.record['source']['path']}, "
            f"not from {source.path}.",
            "Name the faceset of this very file, or leave --faceset out to find faces on the fly.",
        )
    if faceset.record["extractor"]["every"] != 1:
        raise FacesetError(
            f"The faceset {faceset.path} holds only every "
            f"{faceset.record['extractor']['every']}th frame.",
            "Leave --faceset out to find the faces of every frame on the fly.",
        )
    by_frame = faceset.by_frame()
    return ((frame, [face.landmarks for face in by_frame.get(frame.index, [])]) for frame in frames)


def find_landmarks(frames: Iterable[Frame], kind: str, tracker: Tracker) -> FramesWithFaces:
    """Find the faces of frames, smoothed in time for a video.

    Args:
        frames: Frames of one source, in order.
        kind: ``video``, or ``images`` for independent frames.
        tracker: Tracker of the frames.

    Returns:
        Each frame with the ``(68, 2)`` landmarks of its faces in frame pixels.
    """
    tracked = track_faces(frames, tracker, kind)
    if kind == "video":
        tracked = smooth(prefetch(tracked, _QUEUE))
    return ((frame, [face.landmarks.points for face in faces]) for frame, faces in tracked)


def swap_faces(found: FramesWithFaces, swapper: Swapper) -> Iterator[tuple[Frame, int]]:
    """Swap the faces of frames in place, in batches; yield each frame and its number of faces."""
    waiting = iter(found)
    while batch := list(islice(waiting, _BATCH)):
        swapper([frame.image for frame, _ in batch], [faces for _, faces in batch])
        yield from ((frame, len(faces)) for frame, faces in batch)


def _write_video(
    frames: Iterable[Frame],
    counts: _Counts,
    output: Path,
    reader: VideoReader,
    encode: EncodeSettings,
    signer: ManifestSigner,
) -> _Written:
    with VideoWriter(
        output,
        reader.info,
        encoder=encode.encoder,
        crf=encode.crf,
        preset=encode.preset,
        metadata=SYNTHETIC,
        audio_from=reader.info.path,
        sign=signer.for_sources(reader.info.path, counts=counts.of_video),
    ) as writer:
        for frame in frames:
            writer.write(frame.image, frame.pts)
        counts.check()  # while the output can still be given up
    return (output,), tuple(writer.notes)


def _write_photos(
    frames: Iterable[Frame],
    counts: _Counts,
    source: Source,
    output: Path,
    encode: EncodeSettings,
    signer: ManifestSigner,
) -> _Written:
    # One photo can be given a name; several keep theirs, in a folder.
    single = len(source.files) == 1 and bool(output.suffix)
    writer = ImageWriter(output.parent if single else output, encode.quality, xmp_packet())
    files = []
    for frame in frames:
        name = output.name if single else frame.name
        sign = signer.for_sources(source.files[frame.index], counts=counts.of_photo)
        files.append(writer.write(name, frame.image, sign))
    try:
        counts.check()
    except NoFacesError:
        _remove(files)
        raise
    return tuple(files), ()


def _remove(files: Iterable[Path]) -> None:
    """Takes back photos that were written before it was known that none has a face."""
    for file in files:
        file.unlink()
        sidecar_path(file).unlink(missing_ok=True)
        if not any(file.parent.iterdir()):
            file.parent.rmdir()
