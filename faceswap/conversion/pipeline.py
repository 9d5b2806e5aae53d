"""Converts one source: decode, find the faces, swap them, encode.

The stages run concurrently with bounded queues between them: memory use does not depend on the
length of the input, and frames keep their order.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from faceswap.conversion.swapper import Landmarks, Swapper
from faceswap.core.errors import FacesetError, NoFacesError
from faceswap.core.prefetch import prefetch
from faceswap.facesets.faceset import Faceset
from faceswap.media.encoders import VideoEncoding
from faceswap.media.frame import Frame
from faceswap.media.photos import ImageWriter
from faceswap.media.sources import FrameReader, Source, open_source
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
    """Encoding of converted video and photos.

    Attributes:
        video: Encoder of videos and its settings.
        quality: JPEG quality of converted photos, 1 to 100.
    """

    video: VideoEncoding = field(default_factory=VideoEncoding)
    quality: int = 95


@dataclass(frozen=True)
class ConvertReport:
    """Result of converting one source.

    Attributes:
        output: Written video file, or folder of photos.
        files: Written files.
        frames: Number of frames written.
        frames_swapped: Number of frames with at least one swapped face.
        faces_swapped: Number of swapped faces.
        seconds: Duration in seconds.
        damage: Description of the unreadable part of the source; "" if there is none.
        notes: Differences from the source that the writer had to make, one line each.
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
    """Swaps the faces of a video or of photos, and writes and signs the result.

    Args:
        source: Video or photos to convert.
        output: File for a video, folder for photos. A video appears there only when it is complete.
        swapper: Swapper, with model, identity and compositing settings.
        faceset: Faceset of the source; None to detect faces during conversion.
        tracker: New tracker for detection without a faceset; None for the default.
        encode: Encoding settings; None for the defaults.
        identity: Signing identity; None for the local identity, created on first use.
        on_frames: Callback with the number of frames written since the last call.

    Raises:
        ProvenanceError: The output cannot be signed; nothing is written.
        FacesetError: The faceset was extracted from another source, or skips frames.
        NoFacesError: No face was found; nothing is written.
        MediaError: The source cannot be read or the output cannot be written.
        StorageFullError: The disk is full; no incomplete file is left.
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
        found = _stored_faces(frames, source, faceset)
    with closing(prefetch(swap_faces(prefetch(found, _QUEUE), swapper), _QUEUE)) as swapped:
        counts = _Counts(source)
        counted = counts.watch(swapped, on_frames)
        if isinstance(reader, VideoReader):
            files, notes = _write_video(counted, counts, output, reader, encode, signer)
        else:
            files, notes = _write_photos(counted, counts, source, output, reader, encode, signer)
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
    """Content of the manifest of a file that shows these identities of a model."""
    return Conversion(loaded.record(), shows, loaded.meta.subjects)


_Written = tuple[tuple[Path, ...], tuple[str, ...]]  # files, and notes about them


class _Counts:
    """Counts frames and swapped faces as they are written."""

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
        # Photos without a face are signed too, with a count of 0.
        return {"faces_swapped": self.in_frame}

    def check(self, damage: str | None) -> None:
        if not self.faces_swapped:
            unread = f" {damage}." if damage else ""
            raise NoFacesError(
                f"Expected faces in {self._source.path}, found none in {self.frames} frames."
                f"{unread}",
                "Try another --detector, or check the input file.",
            )


def _stored_faces(frames: Iterable[Frame], source: Source, faceset: Faceset) -> FramesWithFaces:
    if faceset.record["source"]["sha256"] != source.content_hash():
        raise FacesetError(
            f"Expected a faceset of {source.path}, found {faceset.path} extracted from "
            f"{faceset.record['source']['path']}.",
            "Give the faceset of this file, or omit --faceset to detect faces during conversion.",
        )
    if faceset.record["extractor"]["every"] != 1:
        raise FacesetError(
            f"Expected a faceset of all frames, found {faceset.path} extracted with --every "
            f"{faceset.record['extractor']['every']}.",
            "Extract it with --every 1, or omit --faceset to detect faces during conversion.",
        )
    by_frame = faceset.by_frame()
    frames = (replace(frame, pixel_aspect=faceset.pixel_aspect) for frame in frames)
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
        images, faces = [frame.image for frame, _ in batch], [faces for _, faces in batch]
        swapper(images, faces, batch[0][0].pixel_aspect)
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
        encoding=encode.video,
        metadata=SYNTHETIC,
        audio_from=reader.info.path,
        sign=signer.for_sources(reader.info.path, counts=counts.of_video),
    ) as writer:
        for frame in frames:
            writer.write(frame.image, frame.pts)
        counts.check(reader.damage)  # raises before the writer publishes the file
    return (output,), tuple(writer.notes)


def _write_photos(
    frames: Iterable[Frame],
    counts: _Counts,
    source: Source,
    output: Path,
    reader: FrameReader,
    encode: EncodeSettings,
    signer: ManifestSigner,
) -> _Written:
    # A single photo may be given a file name; several keep their names, in a folder.
    single = len(source.files) == 1 and bool(output.suffix)
    writer = ImageWriter(output.parent if single else output, encode.quality, xmp_packet())
    files = []
    for frame in frames:
        name = output.name if single else frame.name
        original = source.files[frame.index]
        sign = signer.for_sources(original, counts=counts.of_photo)
        files.append(writer.write(name, frame.image, original, sign))
    try:
        counts.check(reader.damage)
    except NoFacesError:
        _remove(files)
        raise
    return tuple(files), tuple(writer.notes)


def _remove(files: Iterable[Path]) -> None:
    """Deletes photos written before it was known that none of them has a face."""
    for file in files:
        file.unlink()
        sidecar_path(file).unlink(missing_ok=True)
        if not any(file.parent.iterdir()):
            file.parent.rmdir()
