"""Checks converted clips: resemblance to the target, and motion compared with the source."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceswap.demonstration.likeness import LinearFaceClassifier, face_vector, motion_correlation
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.landmarkers import FaceLandmarks, build_landmarker
from faceswap.media.video import VideoReader

CHECKED_FACES = 60
"""Number of faces checked in each clip."""


@dataclass(frozen=True)
class Swap:
    """A swap in one direction.

    Attributes:
        original: Source clip.
        converted: Converted clip.
        faceset: Faceset of the source clip.
    """

    original: Path
    converted: Path
    faceset: Faceset


@dataclass(frozen=True)
class SwapCheck:
    """Result of the check of one swap.

    Attributes:
        faces_found: Fraction of the frames in which a face is found, 0 to 1.
        classified_as_target: Fraction of the swapped faces classified as the target, 0 to 1.
        mouth_correlation: Correlation of mouth opening between source and output, -1 to 1.
        yaw_correlation: Correlation of head yaw between source and output, -1 to 1.
    """

    faces_found: float
    classified_as_target: float
    mouth_correlation: float
    yaw_correlation: float


def check_swaps(
    forth: Swap, back: Swap, device: str = "cpu", on_faces: Callable[[int], None] = lambda _: None
) -> tuple[SwapCheck, SwapCheck, float]:
    """Check the swaps between two identities in both directions.

    Args:
        forth: Clip of the first identity with the face of the second.
        back: Clip of the second identity with the face of the first.
        device: Device of the landmarker.
        on_faces: Callback with the number of faces checked since the last call.

    Returns:
        The checks of both swaps, and the accuracy of the classifier on held-out real faces.

    Raises:
        MediaError: A clip cannot be read.
    """
    samples = [_sample(swap.faceset) for swap in (forth, back)]
    pairs = list(zip((forth, back), samples, strict=True))
    first, second = (_vectors(swap.original, faces, on_faces) for swap, faces in pairs)
    classifier = LinearFaceClassifier(first[::2], second[::2])
    accuracies = [
        1 - classifier.fraction_second(first[1::2]),
        classifier.fraction_second(second[1::2]),
    ]
    checks = []
    for (swap, faces), target in zip(pairs, (1.0, 0.0), strict=True):
        fraction = classifier.fraction_second(_vectors(swap.converted, faces, on_faces))
        before, after = _movement(swap, faces, device, on_faces)
        motion = motion_correlation(before, after)
        found = len(after) / len(faces)
        checks.append(SwapCheck(found, 1 - abs(target - fraction), motion.mouth, motion.yaw))
    return checks[0], checks[1], float(np.mean(accuracies))


def count_check_steps(swaps: int = 2) -> int:
    """Number of faces that ``check_swaps`` reports through ``on_faces``."""
    return 3 * swaps * CHECKED_FACES


def _sample(faceset: Faceset) -> dict[int, Face]:
    """One face of each sampled frame, evenly spaced over the clip, by frame index."""
    by_frame = {frame: faces[0] for frame, faces in faceset.by_frame().items()}
    frames = np.array(sorted(by_frame))
    chosen = frames[np.unique(np.linspace(0, len(frames) - 1, CHECKED_FACES).round().astype(int))]
    return {int(frame): by_frame[int(frame)] for frame in chosen}


def _vectors(
    clip: Path, faces: dict[int, Face], on_faces: Callable[[int], None]
) -> NDArray[np.float32]:
    vectors = []
    for frame in VideoReader(clip):
        if frame.index in faces:
            vectors.append(face_vector(frame.displayed(), faces[frame.index].landmarks))
            on_faces(1)
    return np.stack(vectors)


def _movement(
    swap: Swap, faces: dict[int, Face], device: str, on_faces: Callable[[int], None]
) -> tuple[Sequence[NDArray[np.floating]], Sequence[NDArray[np.floating]]]:
    """Landmarks in source and output of the frames in which the output has a face."""
    landmarker = build_landmarker(device=device)
    before, after = [], []
    for frame in VideoReader(swap.converted):
        if frame.index not in faces:
            continue
        points = faces[frame.index].landmarks
        # The position is known, so no detector is needed; the second pass is centred.
        original = FaceLandmarks(points, mesh=None, presence=1.0)
        (rough,) = landmarker(frame.displayed(), [landmarker.roi_from_landmarks(original)])
        (found,) = landmarker(frame.displayed(), [landmarker.roi_from_landmarks(rough)])
        if found.presence > landmarker.min_presence:
            before.append(points)
            after.append(found.points)
        on_faces(1)
    return before, after
