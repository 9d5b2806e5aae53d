"""Crops the faces of a frame, masks and measures them, and stores crops and masks as images."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.core.files import storage_errors
from faceswap.extraction.selection import Selector
from faceswap.facesets.files import IMAGES
from faceswap.facesets.rows import mask_columns
from faceswap.geometry.alignment import (
    HEAD_COVERAGE,
    crop_matrix,
    of_stored,
    place_face,
    warp,
)
from faceswap.maskers import Masker
from faceswap.media.frame import Frame
from faceswap.media.images import encode_image
from faceswap.tracking.tracks import TrackedFace

NO_CROPS = "none"
"""Image format of facesets without crops, whose faces have no file names."""

_MEASURE_SIZE = 96  # px; one size for all, so that sharpness does not depend on the crop size


def store_faces(
    frame: Frame,
    faces: Sequence[TrackedFace],
    maskers: Mapping[str, Masker],
    directory: Path,
    *,
    crop_size: int,
    image_format: str,
    selector: Selector,
    on_store: Callable[[], None],
) -> Iterator[dict[str, Any]]:
    """Stores crops and masks of the faces of a frame, and yields their rows.

    Args:
        frame: Frame.
        faces: Faces in it.
        maskers: Maskers of the stored masks by name, at least one; the face is measured within the
            mask of the first.
        directory: Directory of the faceset.
        crop_size: Side of the crops in pixels.
        image_format: "jpg", "png" or "webp"; ``NO_CROPS`` to measure the faces and store nothing.
        selector: Selection of the faces that are stored.
        on_store: Callback before the first file of a face is written.

    Yields:
        One row of ``facesets.rows.SCHEMA`` and of the columns of further masks per stored face.

    Raises:
        ConfigError: A masker needs a mesh, and the landmarker gives none.
    """
    for number, face, pose in selector.select(faces):
        landmarks = face.landmarks.points
        matrix = crop_matrix(landmarks, crop_size, HEAD_COVERAGE)
        crop = warp(frame.image, of_stored(matrix, frame.pixel_aspect), crop_size)
        points, mesh = place_face(matrix, landmarks, face.landmarks.mesh)
        masks = [masker([crop], [points], [mesh])[0] for masker in maskers.values()]
        sharpness, exposure = measure(crop, masks[0])
        if not selector.is_sharp(sharpness):
            continue
        on_store()
        image_name, mask_name = "", None
        if image_format != NO_CROPS:
            stem = f"{frame.index:06d}-{number}"
            image_name, mask_name = f"{stem}.{image_format}", f"{stem}.png"
            _store(directory / IMAGES / image_name, crop)
            for place, mask in zip(mask_columns([*maskers]).values(), masks, strict=True):
                _store(directory / place / mask_name, mask)
        yield {
            "frame": frame.index,
            "pts": frame.pts,
            "time": frame.time,
            "face": number,
            "track": face.track,
            "box": np.asarray(face.box, np.float32),
            "score": float(face.score),
            "presence": None if face.filled else float(face.landmarks.presence),
            "filled": face.filled,
            "landmarks": landmarks,
            "mesh": face.landmarks.mesh,
            "matrix": matrix,
            "yaw": pose.yaw,
            "pitch": pose.pitch,
            "roll": pose.roll,
            "size": pose.scale,
            "sharpness": sharpness,
            "exposure": exposure,
            "image": image_name,
            **dict.fromkeys(mask_columns([*maskers]), mask_name),
        }


def measure(crop: NDArray[np.uint8], mask: NDArray[np.uint8]) -> tuple[float, float]:
    """Sharpness (variance of the Laplacian) and exposure (mean luma, 0 to 1) within the mask.

    Args:
        crop: Crop, (S, S, 3) uint8 RGB.
        mask: Mask, (S, S) uint8, 255 = face.
    """
    side = (_MEASURE_SIZE, _MEASURE_SIZE)
    grey = cv2.resize(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), side, interpolation=cv2.INTER_AREA)
    inside = cv2.resize(mask, side, interpolation=cv2.INTER_AREA) > 127
    if not inside.any():
        return 0.0, 0.0
    laplacian = cv2.Laplacian(grey, cv2.CV_32F)
    return float(laplacian[inside].var()), float(grey[inside].mean()) / 255


def _store(path: Path, image: NDArray[np.uint8]) -> None:
    # Neither atomic nor synced: after a crash the crops of an unfinished segment are cut again.
    with storage_errors(path):
        path.write_bytes(encode_image(image, path.suffix, lossless=True))
