"""Reads facesets of the other programs as faces for an extraction."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceswap.core.documents import read_content
from faceswap.core.errors import DocumentError, MediaError
from faceswap.extraction.imported_faces import ImportedFace, ImportedFaces
from faceswap.media.sources import Source, find_sources
from faceswap.media.video import probe
from peers.deepfacelab_files import read_face_jpeg, unpack
from peers.face import HINT, LARGEST_FILE, PeerFace
from peers.faceswap_files import read_alignments, read_face_png

PACKED = "faceset.pak"
_NUMBER = re.compile(r"\d{1,9}")


@dataclass(frozen=True, eq=False)
class PeerFaceset:
    """Faces of another program.

    Attributes:
        faces: Faces; None for an image without a header of either program.
        crops: Images of the faces, in the same order; None for alignments, which have no images.
    """

    faces: Sequence[PeerFace | None]
    crops: Source | None

    @property
    def without_header(self) -> int:
        """Number of images without a header of either program."""
        return sum(face is None for face in self.faces)


def open_peer_faceset(path: Path, scratch: Path) -> PeerFaceset:
    """Reads a folder of face images, a packed faceset, or alignments.

    Args:
        path: Folder, ``.pak`` or ``.fsa``.
        scratch: Existing folder into which a packed faceset is unpacked.

    Raises:
        DocumentError: A file is damaged, or contains more than data.
        MediaError: There are no face images.
    """
    if path.suffix.lower() == ".fsa":
        return PeerFaceset(read_alignments(path), None)
    folder = path
    if path.is_dir() and (path / PACKED).is_file():
        path = path / PACKED
    if path.suffix.lower() == ".pak":
        name = path.parent.resolve().name if path.name == PACKED else path.stem
        folder = scratch / (name or "faceset")
        folder.mkdir()
        for file, content in unpack(path):
            (folder / file).write_bytes(content)
    crops = next((source for source in find_sources([folder]) if source.kind == "images"), None)
    if crops is None or not folder.is_dir():
        raise MediaError(
            f"Expected a folder of face images, a .pak or an .fsa, found {path}.",
            "Give the folder that the other program wrote its faces to.",
        )
    return PeerFaceset([_read_face(file) for file in crops.files], crops)


def faces_of_crops(faceset: PeerFaceset) -> ImportedFaces:
    """The faces in pixels of their crops, by the number of the crop."""
    by_frame = {}
    for index, face in enumerate(faceset.faces):
        if face is not None and face.crop_points is not None:
            points = face.crop_points
            box = np.concatenate([points.min(0), points.max(0)])
            by_frame[index] = [ImportedFace(box, points)]
    return ImportedFaces(by_frame)


def faces_of_footage(faceset: PeerFaceset, footage: Source, first_number: int) -> ImportedFaces:
    """The faces in pixels of the frames that they were found in.

    Args:
        faceset: Faces.
        footage: Video, or photos of the frames, whose names the faces have.
        first_number: Number that the name of a video's first frame has.

    Raises:
        DocumentError: A face has no landmarks in the frame, or is of a frame that the footage does
            not have.
        MediaError: The pixels of the video are not square.
    """
    check_square(footage)
    names = _frames_by_name(footage)
    by_frame: dict[int, list[ImportedFace]] = {}
    for face in filter(None, faceset.faces):
        if face.frame_points is None:
            raise DocumentError(
                f"{face.image} has no landmarks of the frame that it was found in.",
                "Import the images alone, without --video.",
            )
        index = _index_of(face.frame, names, first_number, footage.kind)
        if index is None or index < 0:
            raise DocumentError(
                f"{footage.path} has no frame {face.frame!r}.",
                "Give the footage that the faces are of, or another --first-number.",
            )
        points = face.frame_points
        box = np.concatenate([points.min(0), points.max(0)]) if face.box is None else face.box
        by_frame.setdefault(index, []).append(ImportedFace(box, points))
    return ImportedFaces(by_frame)


def check_square(footage: Source) -> None:
    """Checks that the pixels of footage are square: the other programs take all of them for such.

    Raises:
        MediaError: They are not.
    """
    if footage.kind == "video" and probe(footage.path).display_aspect != 1:
        raise MediaError(
            f"Expected square pixels, which {footage.path} does not have.",
            "Convert it first: ffmpeg -vf scale=iw*sar:ih,setsar=1",
        )


def _frames_by_name(footage: Source) -> dict[str, int]:
    """Numbers of photos by their names, and by those without the suffix that only one of them has.

    The other programs may have renamed ``a.jpg`` to ``a.png``.
    """
    stems = Counter(file.stem for file in footage.files)
    photos = list(enumerate(footage.files))
    names = {file.stem: index for index, file in photos if stems[file.stem] == 1}
    return names | {file.name: index for index, file in photos}


def _index_of(frame: str, names: Mapping[str, int], first_number: int, kind: str) -> int | None:
    stem = Path(frame).stem
    if kind == "images":
        return names.get(Path(frame).name, names.get(stem))
    numbers = _NUMBER.findall(stem)
    return int(numbers[-1]) - first_number if numbers else None


def _read_face(file: Path) -> PeerFace | None:
    if file.suffix.lower() == ".png":
        return read_face_png(file)
    return read_face_jpeg(read_content(file, LARGEST_FILE, hint=HINT), file.name)
