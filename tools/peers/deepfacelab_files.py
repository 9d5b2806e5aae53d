"""Files of DeepFaceLab: the header of a face JPEG, and packed facesets (``.pak``).

A face JPEG has a pickled dictionary in its APP15 segment. A packed faceset has, all integers as
unsigned 64-bit little-endian ones: the version 1, the length of a pickle, the pickle (a list of
dictionaries with the name of each file), the offsets of the files from the end of this table and
one more, and the files.
"""

import struct
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from faceswap.core.documents import size_limit
from faceswap.core.errors import DocumentError
from faceswap.core.files import atomic_path
from faceswap.core.names import check_name
from peers.face import HINT, LARGEST_FILE, PeerFace, entry, numbers, text
from peers.pickle_writer import dump
from peers.restricted_pickle import parse

_APP15, _START_OF_SCAN = 0xEF, 0xDA
_PAK_VERSION = 1
_MOST_FACES = 10_000_000
_TABLE_BYTES = 512 << 20
_WHOLE_FACE, _FACE_SAMPLE = 4, 1  # numbers of a face type and of a kind of sample


def read_face_jpeg(content: bytes, name: str) -> PeerFace | None:
    """Reads the header of a face JPEG.

    Args:
        content: Content of the file.
        name: Name of the file.

    Returns:
        The face; None if the file has no header of DeepFaceLab.

    Raises:
        DocumentError: It is damaged.
    """
    segment = _app15(content)
    if segment is None:
        return None
    values = parse(segment, name)
    points = numbers(entry(values, "landmarks", name), (68, 2), "landmarks", name)
    return PeerFace(
        image=name,
        frame=text(values.get("source_filename") or name, "name of the frame", name),
        box=_optional(values, "source_rect", (4,), name),
        frame_points=_optional(values, "source_landmarks", (68, 2), name),
        crop_points=points,
    )


def jpeg_with_header(jpeg: bytes, face: PeerFace, matrix: np.ndarray[Any, Any]) -> bytes:
    """Adds the header of DeepFaceLab to the crop of a face.

    Args:
        jpeg: JPEG without a header.
        face: Face with all points.
        matrix: Matrix of the crop, ``(2, 3)``, frame pixel -> pixel of the crop.
    """
    assert face.frame_points is not None
    assert face.crop_points is not None
    assert face.box is not None
    values = {
        "face_type": "whole_face",
        "landmarks": face.crop_points.tolist(),
        "source_filename": face.frame,
        "source_rect": tuple(round(float(value)) for value in face.box),
        "source_landmarks": face.frame_points.tolist(),
        "image_to_face_mat": np.asarray(matrix, np.float64),
    }
    payload = dump(values)
    segment = b"\xff\xef" + struct.pack(">H", len(payload) + 2) + payload
    place = 4 + int.from_bytes(jpeg[4:6], "big")  # after the first segment, that of JFIF
    return jpeg[:place] + segment + jpeg[place:]


def unpack(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yields the names and contents of the files in a packed faceset.

    Files of several people get the name of the person in front of their own.

    Raises:
        DocumentError: It is damaged, or contains anything but files.
    """
    with path.open("rb") as file:
        size = path.stat().st_size
        (version,) = _integers(file, 1, path)
        if version != _PAK_VERSION:
            raise DocumentError(
                f"Expected version {_PAK_VERSION} of a packed faceset, found {version}: {path}.",
                HINT,
            )
        (length,) = _integers(file, 1, path)
        if length > min(size, size_limit(_TABLE_BYTES)):
            raise DocumentError(f"The table of {path} has {length} bytes.", HINT)
        table = parse(file.read(length), path)
        if not isinstance(table, list) or len(table) > _MOST_FACES:
            raise DocumentError(f"Expected a list of files in {path}.", HINT)
        names = [_name_of(values, path) for values in table]
        offsets = _integers(file, len(table) + 1, path)
        places = _places(offsets, file.tell(), size, path)
        for name, (start, end) in zip(names, places, strict=True):
            file.seek(start)
            yield name, file.read(end - start)


def pack(path: Path, files: Sequence[tuple[PeerFace, Path]], size: int) -> None:
    """Writes a packed faceset.

    Args:
        path: File ``.pak``.
        files: Faces with all points, and the files of their crops.
        size: Side of the crops in pixels.
    """
    table = dump([_sample_of(face, size) for face, _ in files])
    sizes = [file.stat().st_size for _, file in files]
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype("<u8")
    with atomic_path(path) as temporary, temporary.open("wb") as packed:
        packed.write(struct.pack("<QQ", _PAK_VERSION, len(table)) + table + offsets.tobytes())
        for _, file in files:
            packed.write(file.read_bytes())


def _app15(content: bytes) -> bytes | None:
    """Content of the APP15 segment of a JPEG."""
    if not content.startswith(b"\xff\xd8"):
        return None
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        marker, length = content[place + 1], int.from_bytes(content[place + 2 : place + 4], "big")
        if marker == _START_OF_SCAN or length < 2:
            return None
        if marker == _APP15:
            return content[place + 4 : place + 2 + length]
        place += 2 + length
    return None


def _optional(values: Any, key: str, shape: tuple[int, ...], name: str) -> Any:
    value = values.get(key)
    return None if value is None else numbers(value, shape, key, name)


def _integers(file: BinaryIO, count: int, path: Path) -> list[int]:
    content = file.read(8 * count)
    if len(content) != 8 * count:
        raise DocumentError(f"{path} is truncated.", "Copy the file again.")
    return np.frombuffer(content, "<u8").tolist()


def _name_of(values: Any, path: Path) -> str:
    name = text(entry(values, "filename", path), "name of a file", path)
    person = values.get("person_name")
    check_name(name, f"name of a file in {path}")
    if person is None:
        return name
    return f"{check_name(text(person, 'name of a person', path), f'person in {path}')}-{name}"


def _places(offsets: Sequence[int], start: int, size: int, path: Path) -> Iterator[tuple[int, int]]:
    """Begin and end of each file. The last end may be counted from the start of the packed one."""
    ends = [*offsets[:-1], size - start]
    if offsets[-1] not in (size - start, size):
        raise DocumentError(f"{path} is truncated, or files are missing in it.", HINT)
    for begin, end in pairwise(ends):
        if not 0 <= begin <= end <= size - start or end - begin > LARGEST_FILE:
            raise DocumentError(f"A file in {path} lies from {begin} to {end}.", HINT)
        yield start + begin, start + end


def _sample_of(face: PeerFace, size: int) -> dict[str, Any]:
    assert face.crop_points is not None
    return {
        "sample_type": _FACE_SAMPLE,
        "filename": face.image,
        "face_type": _WHOLE_FACE,
        "shape": (size, size, 3),
        "landmarks": face.crop_points.tolist(),
        "seg_ie_polys": {"polys": []},
        "xseg_mask": None,
        "xseg_mask_compressed": None,
        "eyebrows_expand_mod": 1.0,
        "source_filename": face.frame,
        "person_name": None,
    }
