"""A faceset: the faces of one source on disk, browsable by a person and readable by any tool.

``faceset.json`` says where the faces come from and how they were found, ``faces.parquet`` holds a
row per face, ``images/`` the crops and ``masks/`` their masks. Deleting an image removes that face
from training and from nothing else.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from faceswap.core.errors import FacesetError
from faceswap.core.files import read_json, sha256_file
from faceswap.media.images import read_image

SCHEMA_VERSION = 1
RECORD, ROWS, IMAGES, MASKS, PARTS = "faceset.json", "faces.parquet", "images", "masks", "parts"

SCHEMA = pa.schema(
    [
        pa.field("frame", pa.int32()),
        pa.field("pts", pa.int64()),
        pa.field("time", pa.float64()),
        pa.field("face", pa.int16()),
        pa.field("track", pa.int32()),
        pa.field("box", pa.list_(pa.float32(), 4)),
        pa.field("score", pa.float32()),
        pa.field("landmarks", pa.list_(pa.float32(), 68 * 2)),
        pa.field("mesh", pa.list_(pa.float32(), 468 * 3)),
        pa.field("matrix", pa.list_(pa.float64(), 2 * 3)),
        pa.field("yaw", pa.float32()),
        pa.field("pitch", pa.float32()),
        pa.field("roll", pa.float32()),
        pa.field("sharpness", pa.float32()),
        pa.field("exposure", pa.float32()),
        pa.field("embedding", pa.list_(pa.float32())),
        pa.field("image", pa.string()),
        pa.field("mask", pa.string()),
    ]
)
"""The columns of ``faces.parquet``; arrays are stored flat in C order. ``mesh``, ``embedding`` and
``mask`` may be null."""

# What is read into memory: the mesh would be nine tenths of it, and few things need it.
_READ = [name for name in SCHEMA.names if name not in ("mesh", "embedding")]


@dataclass(frozen=True)
class Face:
    """One face of a faceset.

    Attributes:
        frame: Index of the frame (of the file, for photos).
        pts: Presentation time stamp in the source's time base.
        time: The same in seconds.
        face: Index of the face within its frame.
        track: Number of the track it belongs to, -1 for photos.
        box: ``(4,)`` x0, y0, x1, y1 in frame pixels.
        score: Confidence of the detection, 0 to 1.
        landmarks: ``(68, 2) float32`` in frame pixels, smoothed in time.
        matrix: ``(2, 3) float64``, frame pixel -> pixel of the stored crop.
        yaw: Degrees towards image right.
        pitch: Degrees upwards.
        roll: Degrees clockwise.
        sharpness: Variance of the Laplacian over the face at a fixed size; higher is sharper.
        exposure: Mean luma over the face, 0 to 1.
        image: Name of the crop in ``images/``.
        mask: Name of the mask in ``masks/``, or None.
    """

    frame: int
    pts: int
    time: float
    face: int
    track: int
    box: NDArray[np.float32]
    score: float
    landmarks: NDArray[np.float32]
    matrix: NDArray[np.float64]
    yaw: float
    pitch: float
    roll: float
    sharpness: float
    exposure: float
    image: str
    mask: str | None


@dataclass(frozen=True)
class Faceset:
    """A complete faceset on disk.

    Attributes:
        path: Its directory.
        record: The content of ``faceset.json``.
        rows: ``faces.parquet`` without the mesh and the embedding.
    """

    path: Path
    record: dict[str, Any]
    rows: pa.Table

    @classmethod
    def open(cls, path: Path) -> "Faceset":
        """Reads a faceset.

        Raises:
            FacesetError: There is none at ``path``, or it is unfinished, too new or damaged.
        """
        record = read_record(path)
        if not record["complete"]:
            raise FacesetError(
                f"The faceset {path} is unfinished.",
                "Run the same `faceswap extract` again: it goes on where it was.",
            )
        try:
            rows = pq.read_table(path / ROWS, columns=_READ)
        except (OSError, pa.ArrowException) as error:
            raise FacesetError(
                f"{path / ROWS} cannot be read: {error}.", "Extract the source again."
            ) from error
        return cls(path, record, rows)

    @property
    def name(self) -> str:
        """Name of the source."""
        return self.record["source"]["name"]

    @property
    def subject(self) -> dict[str, Any]:
        """Who is in it and on what basis they may be used."""
        return self.record["subject"]

    @property
    def crop_size(self) -> int:
        """Side of the stored crops in pixels."""
        return self.record["extractor"]["crop_size"]

    @property
    def crop_coverage(self) -> float:
        """Side of the stored crops in face squares."""
        return self.record["extractor"]["crop_coverage"]

    @cached_property
    def _faces(self) -> list[Face]:
        columns: dict[str, Any] = {
            name: self.rows[name].to_pylist()
            for name in self.rows.column_names
            if name not in ("box", "landmarks", "matrix")
        }
        columns["box"] = _matrix_column(self.rows, "box", (4,))
        columns["landmarks"] = _matrix_column(self.rows, "landmarks", (68, 2))
        columns["matrix"] = _matrix_column(self.rows, "matrix", (2, 3))
        names = list(columns)
        rows = zip(*columns.values(), strict=True)
        return [Face(**dict(zip(names, row, strict=True))) for row in rows]

    def faces(self) -> list[Face]:
        """All faces in the order of the source."""
        return list(self._faces)

    def trainable(self) -> list[Face]:
        """The faces whose image has not been deleted."""
        kept = {file.name for file in (self.path / IMAGES).iterdir()}
        return [face for face in self._faces if face.image in kept]

    def by_frame(self) -> dict[int, list[Face]]:
        """The faces of each frame that has any."""
        frames: dict[int, list[Face]] = {}
        for face in self._faces:
            frames.setdefault(face.frame, []).append(face)
        return frames

    def load_crop(self, face: Face) -> NDArray[np.uint8]:
        """``(S, S, 3) uint8 RGB``, S = ``crop_size``."""
        return read_image(self.path / IMAGES / face.image)

    def load_mask(self, face: Face) -> NDArray[np.uint8]:
        """``(S, S) uint8``, 255 = face.

        Raises:
            FacesetError: The face has no mask.
        """
        if face.mask is None:
            raise FacesetError(f"{face.image} of {self.path} has no mask.", "Extract it again.")
        path = self.path / MASKS / face.mask
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path.is_file() else None
        if mask is None:
            raise FacesetError(f"The mask {path} is missing or damaged.", "Extract it again.")
        return np.asarray(mask, np.uint8)

    def content_hash(self) -> str:
        """SHA-256 over the rows and the names of the images that are there."""
        digest = hashlib.sha256(sha256_file(self.path / ROWS).encode())
        for face in self.trainable():
            digest.update(face.image.encode())
        return digest.hexdigest()


def _matrix_column(rows: pa.Table, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    array = rows[name].combine_chunks()
    return array.flatten().to_numpy().reshape(-1, *shape)


def read_record(path: Path) -> dict[str, Any]:
    """Reads ``faceset.json`` of a finished or unfinished faceset.

    Raises:
        FacesetError: There is none, or it is of a version this program does not know.
    """
    if not (path / RECORD).is_file():
        raise FacesetError(f"There is no faceset in {path}.", _what_to_do_without(path))
    try:
        record = read_json(path / RECORD)
        version = record["schema_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise FacesetError(
            f"{path / RECORD} is damaged.", "Extract the source again with --overwrite."
        ) from error
    if version > SCHEMA_VERSION:
        raise FacesetError(
            f"The faceset {path} has version {version}; this program knows up to {SCHEMA_VERSION}.",
            "Update the program.",
        )
    return record


def _what_to_do_without(path: Path) -> str:
    inside = sorted(child.parent.name for child in path.glob(f"*/{RECORD}"))
    if inside:
        return f"It holds several facesets; name one of them: {', '.join(inside)}."
    return "Make one with `faceswap extract VIDEO -o FOLDER`."
