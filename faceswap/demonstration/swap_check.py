"""Looks at converted clips: whom do the faces resemble, and do they follow the originals?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceswap.demonstration.likeness import TwoFaces, agreement, face_vector
from faceswap.facesets.faceset import Face, Faceset
from faceswap.landmarkers import FaceLandmarks, build_landmarker
from faceswap.media.video import VideoReader

LOOKED_AT = 60
"""Faces of each clip that are looked at."""


@dataclass(frozen=True)
class Swap:
    """One direction of a swap between two people.

    Attributes:
        original: The clip.
        converted: The clip with the other one's face.
        faceset: The faces of the original.
    """

    original: Path
    converted: Path
    faceset: Faceset


@dataclass(frozen=True)
class SwapCheck:
    """What became of it.

    Attributes:
        faces_found: Share of the frames in which a face is still found, 0 to 1.
        taken_for_target: Share of the swapped faces that the judge takes for the other person.
        mouth_follows: Correlation of the mouth's opening before and after, -1 to 1.
        yaw_follows: The same of the head's turn.
    """

    faces_found: float
    taken_for_target: float
    mouth_follows: float
    yaw_follows: float


def check_swaps(
    forth: Swap, back: Swap, device: str = "cpu", on_faces: Callable[[int], None] = lambda _: None
) -> tuple[SwapCheck, SwapCheck, float]:
    """Checks a swap between two people in both directions.

    Args:
        forth: The first person's clip with the second one's face.
        back: The second person's clip with the first one's face.
        device: Device of the nets that find faces.
        on_faces: Called with the number of faces looked at since the last call.

    Returns:
        The checks of both, and the share of real faces, other than those it learnt from, that the
        judge tells apart.

    Raises:
        MediaError: A clip cannot be read.
    """
    samples = [_sample(swap.faceset) for swap in (forth, back)]
    pairs = list(zip((forth, back), samples, strict=True))
    first, second = (_vectors(swap.original, faces, on_faces) for swap, faces in pairs)
    judge = TwoFaces(first[::2], second[::2])
    rights = [1 - judge.share_of_second(first[1::2]), judge.share_of_second(second[1::2])]
    checks = []
    for (swap, faces), wanted in zip(pairs, (1.0, 0.0), strict=True):
        share = judge.share_of_second(_vectors(swap.converted, faces, on_faces))
        before, after = _movement(swap, faces, device, on_faces)
        follows = agreement(before, after)
        found = len(after) / len(faces)
        checks.append(SwapCheck(found, 1 - abs(wanted - share), follows.mouth, follows.yaw))
    return checks[0], checks[1], float(np.mean(rights))


def faces_at_check(swaps: int = 2) -> int:
    """How many faces ``check_swaps`` counts, for a progress bar."""
    return 3 * swaps * LOOKED_AT


def _sample(faceset: Faceset) -> dict[int, Face]:
    """One face of each of some frames, evenly over the clip, by frame."""
    by_frame = {frame: faces[0] for frame, faces in faceset.by_frame().items()}
    frames = np.array(sorted(by_frame))
    chosen = frames[np.unique(np.linspace(0, len(frames) - 1, LOOKED_AT).round().astype(int))]
    return {int(frame): by_frame[int(frame)] for frame in chosen}


def _vectors(
    clip: Path, faces: dict[int, Face], on_faces: Callable[[int], None]
) -> NDArray[np.float32]:
    vectors = []
    for frame in VideoReader(clip):
        if frame.index in faces:
            vectors.append(face_vector(frame.image, faces[frame.index].landmarks))
            on_faces(1)
    return np.stack(vectors)


def _movement(
    swap: Swap, faces: dict[int, Face], device: str, on_faces: Callable[[int], None]
) -> tuple[Sequence[NDArray[np.floating]], Sequence[NDArray[np.floating]]]:
    """Landmarks of the frames before and after, where a face is found in both."""
    landmarker = build_landmarker(device=device)
    before, after = [], []
    for frame in VideoReader(swap.converted):
        if frame.index not in faces:
            continue
        points = faces[frame.index].landmarks
        # The face must be where it was, so no detector is needed; the second look is centred.
        known = FaceLandmarks(points, mesh=None, presence=1.0)
        (rough,) = landmarker(frame.image, [landmarker.roi_from_landmarks(known)])
        (found,) = landmarker(frame.image, [landmarker.roi_from_landmarks(rough)])
        if found.presence > landmarker.min_presence:
            before.append(points)
            after.append(found.points)
        on_faces(1)
    return before, after
