"""What recognition needs to know of the faces of one source, finished or not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import IMAGES, stored_file
from faceswap.facesets.rows import matrix_column
from faceswap.geometry.alignment import transform_points
from faceswap.media.images import read_image
from faceswap.recognizers import Recognizer

_BATCH = 32  # crops in memory at a time
_TURNED = 40.0  # degrees at which a face counts e times less


@dataclass(frozen=True)
class FaceTable:
    """The faces of one source, in its order.

    Attributes:
        directory: Directory of the faceset.
        frames: Index of the frame of each face, ``(N,)``.
        tracks: Number of the track of each face, ``(N,)``; in photos each face is its own track.
        quality: Suitability of each face for recognition, ``(N,) float64``; higher is better.
        rows: Columns of the faces that a faceset keeps in memory.
        new_track: First number that no track of the source has, those without a face in this table
            included.
    """

    directory: Path
    frames: NDArray[np.int64]
    tracks: NDArray[np.int64]
    quality: NDArray[np.float64]
    rows: pa.Table
    new_track: int

    @classmethod
    def of_rows(cls, directory: Path, rows: pa.Table, *, video: bool) -> "FaceTable":
        """The faces of checked rows.

        Args:
            directory: Directory of the faceset.
            rows: Columns ``facesets.rows.KEPT``.
            video: Whether its tracks are those of a video.
        """
        numbers = rows["track"].to_numpy() if video else np.arange(rows.num_rows)
        new_track = int(numbers.max(initial=-1)) + 1
        measured = (rows[name].to_numpy() for name in ("yaw", "pitch", "sharpness"))
        suitable = np.where(rows["filled"].to_numpy(), -np.inf, quality(*measured))
        frames = rows["frame"].to_numpy().astype(np.int64)
        return cls(directory, frames, numbers.astype(np.int64), suitable, rows, new_track)

    @classmethod
    def of_faceset(cls, faceset: Faceset) -> "FaceTable":
        """The faces of a finished faceset whose crops are there."""
        every = cls.of_rows(faceset.path, faceset.rows, video=faceset.is_video)
        names = faceset.rows["image"].to_pylist()
        kept = {face.image for face in faceset.trainable()}
        rows = faceset.rows.filter(pa.array([name in kept for name in names], pa.bool_()))
        table = cls.of_rows(faceset.path, rows, video=faceset.is_video)
        return replace(table, new_track=every.new_track)

    def embed(self, positions: Sequence[int], recognizer: Recognizer) -> NDArray[np.float32]:
        """Embeddings ``(len(positions), D)`` of faces, from their stored crops.

        Args:
            positions: Positions of the faces in the table, at least one.
            recognizer: Recognition network.

        Raises:
            MediaError: A crop is missing or damaged.
        """
        batches = (positions[i : i + _BATCH] for i in range(0, len(positions), _BATCH))
        return np.concatenate([self._embed(batch, recognizer) for batch in batches])

    def _embed(self, positions: Sequence[int], recognizer: Recognizer) -> NDArray[np.float32]:
        rows = self.rows.take(list(positions))
        landmarks = matrix_column(rows, "landmarks", (68, 2))
        matrices = matrix_column(rows, "matrix", (2, 3))
        return embed_crops(
            self.directory, rows["image"].to_pylist(), landmarks, matrices, recognizer
        )


def embed_crops(
    directory: Path,
    images: Sequence[str],
    landmarks: Sequence[NDArray[np.floating]] | NDArray[np.floating],
    matrices: Sequence[NDArray[np.floating]] | NDArray[np.floating],
    recognizer: Recognizer,
) -> NDArray[np.float32]:
    """Embeddings ``(N, D)`` of stored crops.

    Args:
        directory: Directory of the faceset.
        images: File names of the crops.
        landmarks: Landmarks of each face, ``(68, 2)`` in frame pixels.
        matrices: Crop matrix of each face, ``(2, 3)``.
        recognizer: Recognition network.

    Raises:
        MediaError: A crop is missing or damaged.
    """
    crops = [read_image(stored_file(directory, IMAGES, name)) for name in images]
    pairs = zip(matrices, landmarks, strict=True)
    return recognizer(crops, [transform_points(matrix, points) for matrix, points in pairs])


def quality(
    yaw: NDArray[np.floating], pitch: NDArray[np.floating], sharpness: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Suitability of faces for recognition: sharp and frontal ones suit best.

    Args:
        yaw: Turn of each head sideways, ``(N,)`` in degrees.
        pitch: Turn of each head upwards, ``(N,)`` in degrees.
        sharpness: Variance of the Laplacian of each face, ``(N,)``.
    """
    turned = (np.float64(yaw) / _TURNED) ** 2 + (np.float64(pitch) / _TURNED) ** 2
    return np.log1p(sharpness) - turned


def spaced_samples(
    tracks: NDArray[np.integer], qualities: NDArray[np.floating], spacing: int
) -> list[int]:
    """Positions of the best face of every so many faces of each track, ascending.

    Args:
        tracks: Number of the track of each face, ``(N,)``, in the order of time.
        qualities: Suitability of each face, ``(N,)``.
        spacing: Number of consecutive faces of a track of which one is chosen.
    """
    chosen = []
    for places in by_track(tracks):
        for start in range(0, len(places), spacing):
            chunk = places[start : start + spacing]
            chosen.append(int(chunk[qualities[chunk].argmax()]))
    return sorted(chosen)


def by_track(tracks: NDArray[np.integer]) -> list[NDArray[np.intp]]:
    """Positions of the faces of each track, ascending; tracks in the order of their numbers."""
    order = np.argsort(tracks, kind="stable")
    _, starts = np.unique(tracks[order], return_index=True)
    return np.split(order, starts[1:]) if len(tracks) else []
