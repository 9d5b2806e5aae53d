"""Files of deepfakes/faceswap: the header of a face PNG, and alignments (``.fsa``).

A face PNG has its alignment in an ``iTXt`` chunk with the keyword ``faceswap``, as the text of a
Python dictionary. Alignments are a pickle compressed with zlib. Landmarks are in frame pixels; the
crop follows from them (``crops.head_matrix``).
"""

import ast
import struct
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceswap.core.documents import read_content, size_limit, too_large
from faceswap.core.errors import DocumentError
from faceswap.core.files import atomic_write
from faceswap.geometry.alignment import transform_points
from peers.crops import head_matrix
from peers.face import HINT, LARGEST_FILE, PeerFace, entry, numbers, text
from peers.pickle_writer import dump
from peers.restricted_pickle import parse

_VERSION = 2.4  # of both headers and alignments
_FIRST_OF_HEADS = 2.0  # crops of earlier versions are not centred on the head
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEYWORD = b"faceswap\0\0\0\0\0"  # not compressed, no language, no translation
_HEADER_BYTES = 4 << 20
_ALIGNMENTS_BYTES = 1 << 30


def read_face_png(path: Path) -> PeerFace | None:
    """Reads the header of a face PNG.

    Args:
        path: The file.

    Returns:
        The face; None if the file has no header of deepfakes/faceswap.

    Raises:
        DocumentError: It is damaged, or of an earlier version, whose crops are different ones.
    """
    content = read_content(path, LARGEST_FILE, hint=HINT)
    header = _header_of(content, path)
    if header is None:
        return None
    alignments, source = entry(header, "alignments", path), entry(header, "source", path)
    version = numbers([entry(source, "alignments_version", path)], (1,), "version", path)[0]
    if version < _FIRST_OF_HEADS:
        raise DocumentError(
            f"Expected a crop of version {_FIRST_OF_HEADS} or later, found {version} in {path}.",
            "Import the alignments (.fsa) with --video instead.",
        )
    width, height = struct.unpack(">II", content[16:24])
    frame = text(entry(source, "source_filename", path), "name of the frame", path)
    face = _face_of(alignments, frame, path)
    if width != height or face.frame_points is None:
        raise DocumentError(
            f"Expected a square crop, found {width} x {height} pixels: {path}.", HINT
        )
    points = transform_points(head_matrix(face.frame_points, width), face.frame_points)
    return PeerFace(path.name, frame, face.box, face.frame_points, points.astype(np.float32))


def read_alignments(path: Path) -> list[PeerFace]:
    """Reads alignments.

    Args:
        path: File ``.fsa``.

    Returns:
        The faces in the order of the file.

    Raises:
        DocumentError: It is damaged, too large, or contains anything but alignments.
    """
    limit = size_limit(_ALIGNMENTS_BYTES)
    inflate = zlib.decompressobj()
    try:
        data = inflate.decompress(read_content(path, limit, hint=HINT), limit)
    except zlib.error as problem:
        raise DocumentError(f"{path} is no file of compressed alignments.", HINT) from problem
    if inflate.unconsumed_tail:
        raise too_large(path, limit, DocumentError)
    frames = entry(parse(data, path), "__data__", path)
    if not isinstance(frames, dict):
        raise DocumentError(f"Expected frames in {path}.", HINT)
    return [
        _face_of(face, text(name, "name of a frame", path), path)
        for name, frame in frames.items()
        for face in _list(entry(frame, "faces", path), path)
    ]


def png_with_header(
    png: bytes,
    face: PeerFace,
    frame_size: tuple[int, int],
    index: int,
    *,
    is_video: bool = False,
) -> bytes:
    """Adds the header of deepfakes/faceswap to the crop of a face.

    Args:
        png: PNG without a header.
        face: Face with ``frame_points``.
        frame_size: Width and height of the frame in pixels.
        index: Number of the face in its frame, from 0.
        is_video: Whether the frame is one of a video.
    """
    width, height = frame_size
    header = {
        "alignments": _entry_of(face),
        "source": {
            "alignments_version": _VERSION,
            "original_filename": face.image,
            "face_index": index,
            "source_filename": face.frame,
            "source_is_video": is_video,
            "source_frame_dims": (height, width),
        },
    }
    body = b"iTXt" + _KEYWORD + repr(header).encode()
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    place = len(_SIGNATURE) + 25  # after the first chunk
    return png[:place] + chunk + png[place:]


def write_alignments(
    path: Path, faces: Iterable[PeerFace], thumbnails: Mapping[str, bytes]
) -> None:
    """Writes alignments.

    Args:
        path: File ``.fsa``.
        faces: Faces with ``frame_points``.
        thumbnails: JPEG of 96 pixels a side by ``image`` of a face.
    """
    frames: dict[str, dict[str, Any]] = {}
    for face in faces:
        frame = frames.setdefault(face.frame, {"faces": [], "video_meta": {}})
        thumbnail = thumbnails.get(face.image)
        frame["faces"].append(_entry_of(face) | {"thumb": thumbnail and list(thumbnail)})
    document = {"__meta__": {"version": _VERSION}, "__data__": frames}
    atomic_write(path, zlib.compress(dump(document)))


def _header_of(content: bytes, path: Path) -> Any:
    """The dictionary in the header; None if there is none."""
    if not content.startswith(_SIGNATURE):
        return None
    place = len(_SIGNATURE)
    while place + 12 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        chunk = content[place + 4 : place + 8 + length]
        if len(chunk) < 4 + length:
            break
        if chunk.startswith(b"iTXt" + _KEYWORD):
            return _literal(chunk[4 + len(_KEYWORD) :], path)
        if chunk.startswith(b"IEND"):
            return None
        place += 12 + length
    raise DocumentError(f"{path} is truncated.", "Copy the file again.")


def _literal(content: bytes, path: Path) -> Any:
    """Value of the text of a Python dictionary: numbers, text, bytes and containers of them."""
    if len(content) > _HEADER_BYTES:
        raise DocumentError(f"The header of {path} has {len(content)} bytes.", HINT)
    try:
        return ast.literal_eval(content.decode())
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError) as problem:
        raise DocumentError(f"The header of {path} is no dictionary of values.", HINT) from problem


def _list(value: Any, path: Path) -> list[Any]:
    if not isinstance(value, list):
        raise DocumentError(f"Expected a list of faces in {path}.", HINT)
    return value


def _face_of(values: Any, frame: str, path: Path) -> PeerFace:
    x, y, w, h = numbers([entry(values, key, path) for key in "xywh"], (4,), "box", path)
    points: NDArray[np.float32] = numbers(
        entry(values, "landmarks_xy", path), (68, 2), "landmarks", path
    )
    return PeerFace("", frame, np.array([x, y, x + w, y + h], np.float32), points)


def _entry_of(face: PeerFace) -> dict[str, Any]:
    assert face.frame_points is not None
    assert face.box is not None
    x0, y0, x1, y1 = (round(float(value)) for value in face.box)
    return {
        "x": x0,
        "y": y0,
        "w": x1 - x0,
        "h": y1 - y0,
        "landmarks_xy": face.frame_points.tolist(),
        "mask": {},
        "identity": {},
    }
