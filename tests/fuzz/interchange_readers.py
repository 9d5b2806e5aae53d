"""Readers of files of other programs: imported faces, and facesets of the peers."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from faceswap.core.files import write_json
from faceswap.extraction.imported_faces import read_imported_faces
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.media.images import encode_image
from faceswap.media.sources import Source
from tests.fuzz.mutation import mutated_bytes, mutated_json, mutated_table
from tests.fuzz.reader import Reader

TOOLS = str(Path(__file__).parents[2] / "tools")
POINTS = (MEAN_FACE[:, :2] * 60 + 70).astype(np.float32)
_SOURCE = Source(Path("a.mp4"), "video", "a", (Path("a.mp4"),))


def _peers(module: str) -> Any:
    if TOOLS not in sys.path:  # the modules of a tool are found from its folder
        sys.path.append(TOOLS)
    return importlib.import_module(f"peers.{module}")


def _face(image: str) -> Any:
    box = np.array([10, 10, 130, 140], np.float32)
    return _peers("face").PeerFace(image, "00001.png", box, POINTS, POINTS)


def _imported_json(folder: Path) -> Reader:
    file = folder / "faces.json"
    entry = {
        "frame": 3,
        "box": [1, 2, 3, 4],
        "score": 0.5,
        "track": 1,
        "landmarks": POINTS.tolist(),
    }
    write_json(file, {"faces": [entry, {"frame": 4, "box": [1, 2, 3, 4]}]})
    return Reader(file, mutated_json, lambda: read_imported_faces(file, _SOURCE))


def _imported_parquet(folder: Path) -> Reader:
    file = folder / "faces.parquet"
    columns = {"frame": [3], "box": [[1.0, 2.0, 3.0, 4.0]], "landmarks": [POINTS.ravel().tolist()]}
    pq.write_table(pa.table(columns), file)
    return Reader(file, mutated_table, lambda: read_imported_faces(file, _SOURCE))


def _face_png(folder: Path) -> Reader:
    files, file = _peers("faceswap_files"), folder / "a.png"
    png = encode_image(np.zeros((8, 8, 3), np.uint8), ".png")
    file.write_bytes(files.png_with_header(png, _face("a.png"), (200, 200), 0))
    return Reader(file, mutated_bytes, lambda: files.read_face_png(file))


def _alignments(folder: Path) -> Reader:
    files, file = _peers("faceswap_files"), folder / "a.fsa"
    files.write_alignments(file, [_face("a.png")], {})
    return Reader(file, mutated_bytes, lambda: files.read_alignments(file))


def _pickle(folder: Path) -> Reader:
    file = folder / "a.pickle"
    value = {"points": POINTS, "list": [1, 2.5, None, (True, "text", b"bytes")]}
    file.write_bytes(_peers("pickle_writer").dump(value))
    return Reader(
        file, mutated_bytes, lambda: _peers("restricted_pickle").parse(file.read_bytes(), file)
    )


def _face_jpeg(folder: Path) -> Reader:
    files, file = _peers("deepfacelab_files"), folder / "a.jpg"
    jpeg = encode_image(np.zeros((8, 8, 3), np.uint8), ".jpg")
    file.write_bytes(files.jpeg_with_header(jpeg, _face("a.jpg"), np.eye(2, 3)))
    return Reader(file, mutated_bytes, lambda: files.read_face_jpeg(file.read_bytes(), "a.jpg"))


def _packed(folder: Path) -> Reader:
    files, jpeg = _peers("deepfacelab_files"), _face_jpeg(folder)
    file = folder / "faceset.pak"
    files.pack(file, [(_face("a.jpg"), jpeg.file)], 8)

    def read() -> None:
        for name, content in files.unpack(file):
            files.read_face_jpeg(content, name)

    return Reader(file, mutated_bytes, read)


INTERCHANGE: dict[str, Callable[[Path], Reader]] = {
    "imported-json": _imported_json,
    "imported-parquet": _imported_parquet,
    "face-png": _face_png,
    "alignments": _alignments,
    "pickle": _pickle,
    "face-jpeg": _face_jpeg,
    "packed-faceset": _packed,
}
"""Functions that write a valid file below a folder, by the name of its reader."""
