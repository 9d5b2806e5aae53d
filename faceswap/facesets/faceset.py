"""A faceset: the faces of one source on disk, browsable by a person and readable by any tool.

``faceset.json`` describes the source and the extraction, ``faces.parquet`` holds a row per face,
``images/`` the crops and ``masks/`` their masks. Deleting an image removes that face from training
and from conversion.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceswap.core.errors import FacesetError
from faceswap.core.files import sha256_file
from faceswap.facesets.face import Face
from faceswap.facesets.files import (
    IMAGES,
    MASKS,
    ROWS,
    crop_names,
    mask_folder,
    stored_file,
)
from faceswap.facesets.meshes import read_mesh_groups, read_meshes
from faceswap.facesets.record import first_masker, read_finished_record
from faceswap.facesets.recorded import RecordedFaces
from faceswap.facesets.rows import (
    KEPT,
    columns_of,
    each_embedding,
    further_maskers,
    further_masks,
    is_further_mask,
    matrix_column,
    read_embeddings,
    read_rows,
    with_masks,
    with_sizes,
)
from faceswap.media.images import read_image


@dataclass(frozen=True)
class Faceset(RecordedFaces):
    """A complete faceset on disk.

    Attributes:
        path: Directory of the faceset.
        record: Content of ``faceset.json``.
        rows: Content of ``faces.parquet`` without meshes, embeddings and raw landmarks.
        masker: Masker of the masks that are loaded unless another one is named; "" if the record
            names none.
    """

    path: Path
    record: dict[str, Any]
    rows: pa.Table
    masker: str = ""

    @classmethod
    def open(cls, path: Path) -> "Faceset":
        """Opens a faceset.

        Args:
            path: Directory of the faceset.

        Raises:
            FacesetError: There is no faceset, or it is unfinished, damaged or of a newer version.
        """
        record = read_finished_record(path)
        rows = read_rows(path / ROWS, with_masks(further_maskers(columns_of(path / ROWS)), KEPT))
        extractor = record["extractor"]
        rows = with_sizes(rows, extractor["crop_size"] / extractor["crop_coverage"])
        return cls(path, record, rows, record.get("default_mask") or first_masker(record))

    def with_masker(self, masker: str) -> "Faceset":
        """This faceset with the masks of another masker as those loaded by default.

        Args:
            masker: Name of the masker; "" for the faceset as it is.

        Raises:
            FacesetError: It has no masks of this masker.
        """
        if not masker:
            return self
        if masker not in self.maskers:
            raise FacesetError(
                f"Expected masks of the masker {masker!r} in {self.path}, found "
                f"{', '.join(self.maskers) or 'none'}.",
                f"Add them: faceswap faces masks {self.path} --masker {masker}",
            )
        return replace(self, masker=masker)

    @property
    def where(self) -> str:
        """Directory, as it is recorded."""
        return str(self.path.resolve())

    @property
    def is_video(self) -> bool:
        """Whether its frames follow each other in time; those of photos do not."""
        return self.record["source"]["kind"] == "video"

    @property
    def maskers(self) -> list[str]:
        """Maskers of the masks that it has."""
        first = [first_masker(self.record)] if self.rows["mask"].null_count < len(self.rows) else []
        return [name for name in (*first, *further_maskers(self.rows.schema)) if name]

    @property
    def pixel_aspect(self) -> float:
        """Width over height of a stored pixel of the source, as landmarks and matrices assume it.

        It is 1 in facesets of earlier versions, which took all pixels for square ones.
        """
        return self.record["extractor"].get("pixel_aspect", 1.0)

    @cached_property
    def _rows_sha256(self) -> str:
        # A faceset that is sorted, grouped or named holds the same faces as before.
        return self.record.get("rows_sha256") or sha256_file(self.path / ROWS)

    @cached_property
    def _faces(self) -> list[Face]:
        columns: dict[str, Any] = {
            name: self.rows[name].to_pylist()
            for name in self.rows.column_names
            if name not in ("box", "landmarks", "matrix") and not is_further_mask(name)
        }
        columns["box"] = matrix_column(self.rows, "box", (4,))
        columns["landmarks"] = matrix_column(self.rows, "landmarks", (68, 2))
        columns["matrix"] = matrix_column(self.rows, "matrix", (2, 3))
        columns["masks"] = further_masks(self.rows)
        names = list(columns)
        rows = zip(*columns.values(), strict=True)
        return [Face(**dict(zip(names, row, strict=True))) for row in rows]

    def faces(self) -> list[Face]:
        """All faces in the order of the source, those with deleted images included."""
        return list(self._faces)

    def meshes(self) -> NDArray[np.float32]:
        """Meshes of all faces in the order of ``faces``; read at each call.

        Returns:
            ``(N, 478, 3) float32`` in frame pixels, z in the same unit.

        Raises:
            FacesetError: The landmarker gave no mesh, a mesh is smaller or larger than any face, or
                the file is damaged.
        """
        return read_meshes(self.path / ROWS)

    def each_mesh(self) -> Iterator[NDArray[np.float32]]:
        """Mesh ``(478, 3)`` of each face, as ``meshes`` has them; some thousands are in memory.

        Raises:
            FacesetError: As of ``meshes``.
        """
        for group in read_mesh_groups(self.path / ROWS):
            yield from group

    def embeddings(self) -> list[NDArray[np.float32] | None]:
        """Embeddings of the tracks of all faces in the order of ``faces``; read at each call.

        Returns:
            ``(E,) float32`` of length 1 for each face, or None where none was computed.

        Raises:
            FacesetError: The file is damaged.
        """
        return read_embeddings(self.path / ROWS)

    def each_embedding(self) -> Iterator[NDArray[np.float32] | None]:
        """Embedding of each face, as ``embeddings`` has them; some thousands are in memory.

        Raises:
            FacesetError: As of ``embeddings``.
        """
        return each_embedding(self.path / ROWS)

    def with_crops(self) -> list[Face]:
        """Faces whose image has not been deleted, in the order of the source.

        Raises:
            FacesetError: The folder of the images is missing.
        """
        return [face for face, has in zip(self._faces, self.has_crop(), strict=True) if has]

    def has_crop(self) -> list[bool]:
        """Whether the image of each face is there, in the order of ``faces``.

        Raises:
            FacesetError: The folder of the images is missing.
        """
        kept = crop_names(self.path)
        return [name in kept for name in self.rows["image"].to_pylist()]

    def trainable(self) -> list[Face]:
        """Faces ``with_crops`` but filled ones, which something often covers.

        Raises:
            FacesetError: The folder of the images is missing.
        """
        return [face for face in self.with_crops() if not face.filled]

    def unknown_images(self) -> list[str]:
        """Files in ``images/`` that belong to no face: added, renamed or converted ones, sorted.

        Raises:
            FacesetError: The folder of the images is missing.
        """
        unknown = crop_names(self.path) - {face.image for face in self._faces}
        return sorted(name for name in unknown if name[0] not in ".@" and name != "Thumbs.db")

    def by_frame(self) -> dict[int, list[Face]]:
        """Faces by frame index; frames without a face are absent."""
        frames: dict[int, list[Face]] = {}
        for face in self._faces:
            frames.setdefault(face.frame, []).append(face)
        return frames

    def load_crop(self, face: Face) -> NDArray[np.uint8]:
        """Stored crop of a face, ``(S, S, 3) uint8 RGB``, S = ``crop_size``.

        Raises:
            FacesetError: Its file leads out of the faceset.
            MediaError: Its file is missing or damaged.
        """
        return read_image(stored_file(self.path, IMAGES, face.image))

    def mask_file(self, face: Face, masker: str | None = None) -> tuple[str, str | None]:
        """Folder of the stored mask of a face inside the faceset, and its file name.

        Args:
            face: The face.
            masker: Name of the masker; None for ``Faceset.masker``.

        Returns:
            Folder and name; the name is None if the face has no such mask.
        """
        masker = self.masker if masker is None else masker
        if masker == first_masker(self.record):
            return MASKS, face.mask
        return mask_folder(masker), face.masks.get(masker)

    def load_mask(self, face: Face, masker: str | None = None) -> NDArray[np.uint8]:
        """Stored mask of a face, ``(S, S) uint8``, 255 = face.

        Args:
            face: The face.
            masker: Name of the masker; None for ``Faceset.masker``.

        Raises:
            FacesetError: The face has no mask, or its file is missing or damaged.
        """
        folder, name = self.mask_file(face, masker)
        if name is None:
            of = f" of the masker {masker!r}" if masker else ""
            raise FacesetError(
                f"{face.image} of {self.path} has no mask{of}.",
                "Make one with `faceswap faces masks`.",
            )
        path = stored_file(self.path, folder, name)
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path.is_file() else None
        if mask is None:
            raise FacesetError(
                f"The mask {path} is missing or damaged.", "Make it with `faceswap faces masks`."
            )
        return np.asarray(mask, np.uint8)

    def content_hash(self) -> str:
        """SHA-256 of the rows and of the names of the images that have not been deleted."""
        digest = hashlib.sha256(self._rows_sha256.encode())
        for face in self.trainable():
            digest.update(face.image.encode())
        return digest.hexdigest()
