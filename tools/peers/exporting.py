"""Writes facesets as those of the other programs."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import FacesetError
from faceswap.core.files import atomic_write
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.alignment import compose, invert, transform_points, warp
from faceswap.media.hashed_source import hash_source
from faceswap.media.images import encode_image
from faceswap.media.sources import Source, open_source
from peers.crops import head_matrix, whole_face_matrix
from peers.deepfacelab_files import jpeg_with_header, pack
from peers.face import PeerFace
from peers.faceswap_files import png_with_header, write_alignments

Image = NDArray[np.uint8]
Matrix = NDArray[np.floating[Any]]
PACKED = "faceset.pak"
_THUMBNAIL = 96  # pixels a side


@dataclass(frozen=True, eq=False)
class Cut:
    """A crop as one of the other programs cuts it.

    Attributes:
        face: Face of our faceset.
        image: Crop, ``(S, S, 3) uint8 RGB``.
        matrix: Matrix of the crop, ``(2, 3)``, frame pixel -> pixel of the crop.
    """

    face: Face
    image: Image
    matrix: Matrix


def export_to_faceswap(
    faceset: Faceset, folder: Path, size: int, footage: Source | None, on_face: Callable[[], None]
) -> None:
    """Writes face PNGs with headers, and alignments under the name that the program expects.

    Args:
        faceset: Faceset; faces whose images were deleted are left out.
        folder: Existing folder.
        size: Side of the crops in pixels.
        footage: Source of the faceset, from which the crops are cut; None to cut them from the
            stored ones, which reach less far.
        on_face: Callback after each face.

    Raises:
        FacesetError: The footage is another one, or pixels are not square.
    """
    faces: list[PeerFace] = []
    thumbnails: dict[str, bytes] = {}
    numbers: Counter[str] = Counter()
    places: Counter[str] = Counter()
    for cut in _cuts(faceset, head_matrix, size, footage):
        frame = _frame_name(faceset, cut.face, f"{faceset.name}_{{:06d}}.png")
        number = numbers[frame]
        numbers[frame] += 1
        face = _peer_face(cut, f"{_crop_stem(frame, places)}.png", frame)
        png = encode_image(cut.image, ".png")
        data = png_with_header(
            png, face, _frame_size(faceset, face), number, is_video=faceset.is_video
        )
        atomic_write(folder / face.image, data)
        small = cv2.resize(cut.image, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA)
        thumbnails[face.image] = encode_image(np.asarray(small, np.uint8), ".jpg", quality=80)
        faces.append(face)
        on_face()
    stem = f"{faceset.name}_alignments" if faceset.is_video else "alignments"
    write_alignments(folder / f"{stem}.fsa", faces, thumbnails)


def export_to_deepfacelab(
    faceset: Faceset,
    folder: Path,
    size: int,
    footage: Source | None,
    on_face: Callable[[], None],
    *,
    packed: bool,
) -> None:
    """Writes face JPEGs with headers, of the face type ``whole_face``.

    Args:
        faceset: Faceset; faces whose images were deleted are left out.
        folder: Existing folder.
        size: Side of the crops in pixels.
        footage: Source of the faceset, or None; see ``export_to_faceswap``.
        on_face: Callback after each face.
        packed: Whether ``faceset.pak`` is written instead, with the same files in it.

    Raises:
        FacesetError: The footage is another one, or pixels are not square.
    """
    files: list[tuple[PeerFace, Path]] = []
    places: Counter[str] = Counter()
    for cut in _cuts(faceset, whole_face_matrix, size, footage):
        frame = _frame_name(faceset, cut.face, "{:05d}.png")
        face = _peer_face(cut, f"{_crop_stem(frame, places)}.jpg", frame)
        data = jpeg_with_header(encode_image(cut.image, ".jpg"), face, cut.matrix)
        atomic_write(folder / face.image, data)
        files.append((face, folder / face.image))
        on_face()
    if packed:
        pack(folder / PACKED, files, size)
        for _, file in files:
            file.unlink()


def _cuts(
    faceset: Faceset,
    matrix_of: Callable[[NDArray[np.float32], int], Matrix],
    size: int,
    footage: Source | None,
) -> Iterator[Cut]:
    if faceset.pixel_aspect != 1:
        raise FacesetError(
            f"Expected a faceset of footage with square pixels, found {faceset.path}.",
            "The other programs take all pixels for square ones: convert the footage first.",
        )
    faces = faceset.trainable()
    if footage is None:
        for face in faces:
            matrix = matrix_of(face.landmarks, size)
            across = compose(matrix, invert(face.matrix))
            yield Cut(face, _cut(faceset.load_crop(face), across, size), matrix)
        return
    if hash_source(footage).sha256 != faceset.source_sha256:
        raise FacesetError(
            f"{footage.path} is not the source of {faceset.path}.", "Give the same file."
        )
    by_frame: dict[int, list[Face]] = {}
    for face in faces:
        by_frame.setdefault(face.frame, []).append(face)
    for frame in open_source(footage, start=min(by_frame, default=0)):
        for face in by_frame.pop(frame.index, ()):
            matrix = matrix_of(face.landmarks, size)
            yield Cut(face, _cut(frame.image, matrix, size), matrix)
        if not by_frame:
            return


def _cut(image: Image, matrix: Matrix, size: int) -> Image:
    """A crop that is black beyond the image, as those of the other programs."""
    cut = warp(image, matrix, size)
    right, bottom = image.shape[1] - 0.5, image.shape[0] - 0.5
    edges = [[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]]
    corners = transform_points(matrix, edges)
    inside = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(inside, np.rint(corners).astype(np.int32), 1)
    return cut * inside[..., None]


def _frame_name(faceset: Faceset, face: Face, pattern: str) -> str:
    """Name of the frame: that of a photo, or as the program names those of a video, from 1."""
    if faceset.is_video:
        return pattern.format(face.frame + 1)
    return faceset.record["source"]["files"][face.frame]


def _crop_stem(frame: str, places: Counter[str]) -> str:
    """Name of the next crop of a frame; photos whose names differ in the suffix are told apart."""
    stem = Path(frame).stem
    key = stem.casefold()  # as file systems compare names
    places[key] += 1
    return f"{stem}_{places[key] - 1}"


def _peer_face(cut: Cut, image: str, frame: str) -> PeerFace:
    face = cut.face
    points = transform_points(cut.matrix, face.landmarks).astype(np.float32)
    return PeerFace(image, frame, face.box, face.landmarks, points)


def _frame_size(faceset: Faceset, face: PeerFace) -> tuple[int, int]:
    """Width and height of the frame; of photos, which are not recorded, what the face needs."""
    source = faceset.record["source"]
    if source.get("width") and source.get("height"):
        return source["width"], source["height"]
    assert face.box is not None
    return int(np.ceil(face.box[2])) + 1, int(np.ceil(face.box[3])) + 1
