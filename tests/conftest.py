"""Fixtures of all tests."""

import gc
import os
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

# Arrays and networks of the tests are tiny: several threads would spend their time waiting for each
# other. OpenBLAS reads its number of threads when numpy is imported.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import cv2
import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from faceswap.facesets.record import FORMAT
from faceswap.facesets.rows import SCHEMA
from faceswap.geometry.alignment import HEAD_COVERAGE, crop_matrix, transform_points
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.media.images import write_image

torch.set_num_threads(1)
cv2.setNumThreads(1)

_SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    """The file system of ``memory://``, empty before and after the test."""
    store = fsspec.filesystem("memory")
    store.store.clear()
    yield store
    store.store.clear()


@pytest.fixture(scope="session", autouse=True)
def config_folder(tmp_path_factory) -> Iterator[Path]:
    """Separate configuration folder, so that tests do not create an identity in the user's."""
    folder = tmp_path_factory.mktemp("config")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACESWAP_CONFIG", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def no_sync() -> Iterator[None]:
    """Files are not flushed to the disk: no test cuts the power, and waiting takes long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _descriptor: None)
        yield


@pytest.fixture(scope="module", autouse=True)
def no_collection_of_modules() -> None:
    """Garbage collections do not look at the half million objects of imported modules."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def shared_data() -> Path:
    """Folder of real footage with annotations; skips the test if it is missing."""
    folder = _SHARED / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the real footage in {folder}")
    return folder


@pytest.fixture
def shared_weights(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of published weights, used as $FACESWAP_WEIGHTS; skips the test if it is missing."""
    folder = _SHARED / "weights"
    if not folder.is_dir():
        pytest.skip(f"needs the published weights in {folder}")
    monkeypatch.setenv("FACESWAP_WEIGHTS", str(folder))
    monkeypatch.setenv("FACESWAP_OFFLINE", "1")
    return folder


def _synthetic_face(frame: int, shade: tuple[int, int, int], size: int) -> dict[str, Any]:
    """Faceset row and crop of a synthetic face that moves, opens its mouth and blinks."""
    points = MEAN_FACE[:, :2].copy()
    points[56:59, 1] += 0.08 * (1 + np.sin(frame / 3))  # lower lip
    points[[37, 38, 43, 44], 1] += 0.03 * (frame % 7 == 0)
    landmarks = (80 * points + [120 + 6 * np.sin(frame / 5), 110]).astype(np.float32)
    matrix = crop_matrix(landmarks, size, HEAD_COVERAGE)
    crop = np.full((size, size, 3), (90, 110, 100), np.uint8)
    for part, colour in (
        (np.r_[0:17, 26:16:-1], shade),
        (np.r_[36:42], (250, 250, 250)),
        (np.r_[42:48], (250, 250, 250)),
        (np.r_[48:60], (170, 40, 60)),
    ):
        outline = np.round(transform_points(matrix, landmarks[part]) * 16).astype(np.int32)
        cv2.fillPoly(crop, [outline], colour, cv2.LINE_AA, 4)
    row = {"frame": frame, "pts": frame, "time": frame / 25, "face": 0, "track": 0, "score": 0.9}
    row |= {"box": [80.0, 70.0, 160.0, 150.0], "landmarks": landmarks.ravel().tolist()}
    row |= {"mesh": None, "matrix": matrix.ravel().tolist(), "sharpness": 1.0, "exposure": 0.5}
    row |= dict.fromkeys(("yaw", "pitch", "roll"), 0.0)
    row |= {"embedding": None, "image": f"{frame:06d}-0.png", "mask": None}
    return row | {"crop": crop}


@pytest.fixture(scope="session")
def make_faceset() -> Callable[..., Path]:
    """Function that writes a synthetic faceset: ``make_faceset(path, faces=48, shade=rgb)``."""

    def make(
        path: Path, faces: int = 48, shade: tuple[int, int, int] = (220, 170, 140), size: int = 96
    ) -> Path:
        rows = [_synthetic_face(frame, shade, size) for frame in range(faces)]
        (path / "images").mkdir(parents=True)
        for row in rows:
            write_image(path / "images" / row["image"], row.pop("crop"))
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path / "faces.parquet")
        record = {
            "complete": True,
            "source": {
                "name": path.name,
                "path": "-",
                "kind": "video",
                "sha256": sha256(bytes(path)).hexdigest(),
            },
            "subject": {"name": path.name, "basis": "self", "reference": ""},
            "extractor": {"crop_size": size, "crop_coverage": HEAD_COVERAGE, "every": 1},
        }
        FORMAT.write(path / "faceset.json", record)
        return path

    return make
