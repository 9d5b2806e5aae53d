"""Crop photographs with pixel labels as the masker `segmentation` sees faces, for its training.

    python tools/prepare_face_masks.py FACES_WITH_MASKS -o aligned/
    classifier train aligned/ --config face_masks -o runs/face_masks

Crops are upright and of one size relative to the face, so that the network does not have to learn
to find faces, and spends its pixels on them. Pixels beyond the photograph are not labelled.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from classifier.data.dataset import IGNORE_INDEX, Dataset, Sample
from classifier.data.readers.masks import read_mask
from classifier.data.readers.opening import open_dataset
from faceswap.core.console import progress_bar
from faceswap.core.errors import NoFacesError
from faceswap.core.files import atomic_directory
from faceswap.geometry.alignment import crop_matrix, warp
from faceswap.maskers.segmentation import COVERAGE
from faceswap.media.images import read_image, write_image
from faceswap.tracking.finder import build_tracker
from faceswap.tracking.tracker import Tracker

_MARGIN = 0.5  # of the longer side, added where no face is found: faces cut off by the border


def prepare(dataset: Dataset, out: Path, size: int) -> list[Path]:
    """Writes `images/` and `masks/`, below the folders that the photographs have in the data set.

    Args:
        dataset: Photographs with masks.
        out: Folder to write, which is replaced.
        size: Side of the crops in pixels.

    Returns:
        The photographs in which no face was found.

    Raises:
        NoFacesError: No face was found in any of them.
    """
    tracker, without = build_tracker(), []
    with (
        atomic_directory(out) as folder,
        progress_bar("Photographs", len(dataset.samples)) as advance,
    ):
        for sample in dataset.samples:
            image = read_image(sample.path)
            landmarks = find_landmarks(image, tracker)
            if landmarks is None:
                without.append(sample.path)
            else:
                place = sample.path.relative_to(dataset.root).parent.parent
                _write(sample, image, landmarks, folder / place, size, dataset.ignore_index)
            advance()
        if len(without) == len(dataset.samples):
            raise NoFacesError(f"Expected photographs of faces in {dataset.root}, found none.")
    return without


def find_landmarks(image: NDArray[np.uint8], tracker: Tracker) -> NDArray[np.floating] | None:
    """Landmarks of the largest face of a photograph, `(68, 2)` in its pixels, or None."""
    for margin in (0, round(_MARGIN * max(image.shape[:2]))):
        faces = tracker.find_faces(np.pad(image, [(margin, margin)] * 2 + [(0, 0)], mode="edge"))
        if faces:
            points = [face.landmarks.points for face in faces]
            return max(points, key=lambda face: float(np.ptp(face))) - margin
    return None


def _write(
    sample: Sample,
    image: NDArray[np.uint8],
    landmarks: NDArray[np.floating],
    folder: Path,
    size: int,
    ignore_index: int | None,
) -> None:
    assert sample.mask is not None
    height, width = image.shape[:2]
    labels = read_mask(sample.mask, sample.code, ignore_index, (height, width))
    matrix = crop_matrix(landmarks, size, COVERAGE)
    cropped = cv2.warpAffine(
        labels, matrix, (size, size), flags=cv2.INTER_NEAREST, borderValue=IGNORE_INDEX
    )
    name = f"{sample.path.stem}.png"
    write_image(folder / "images" / name, warp(image, matrix, size))
    write_image(folder / "masks" / name, np.asarray(cropped, np.uint8))


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the arguments, writes the crops, and lists photographs without a face."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with images/ and masks/")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--size", type=int, default=256, help="side of the crops in pixels")
    given = parser.parse_args(arguments)
    without = prepare(open_dataset(given.data), given.out, given.size)
    for path in without:
        print(f"no face found: {path}")


if __name__ == "__main__":
    main()
