"""Tracked faces, and the matching of detections to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from faceswap.detectors.nms import overlaps
from faceswap.landmarkers import FaceLandmarks, Roi

# IoU from which a detection belongs to a tracked face.
_SAME_FACE = 0.25
# Intersection over the smaller box from which two tracked faces are one.
_DUPLICATE = 0.6
# Change of a face's motion from one frame to the next, as a fraction of its size, from which it is
# the landmarks that went over to another face.
_LEAP = 0.08
# Difference of the motions of two tracks, as a fraction of the size, up to which they move alike.
_ALIKE = 0.05


@dataclass(frozen=True)
class TrackedFace:
    """A face in one frame.

    Args:
        track: Number of its track, from 0; never reused for another face.
        box: Box, (4,) float32 x0, y0, x1, y1 of the landmarks in frame pixels.
        score: Confidence of its last detection, in [0, 1].
        landmarks: Landmarks in this frame.
        filled: Whether the track was lost in this frame, and the landmarks are interpolated; their
            presence is 0.
    """

    track: int
    box: NDArray[np.float32]
    score: float
    landmarks: FaceLandmarks
    filled: bool = False


@dataclass
class Track:
    """A face followed through a video.

    Args:
        number: Number of the track.
        roi: Region in which the landmarker searches the next frame.
        box: Box, (4,) x0, y0, x1, y1 in pixels of the last frame in which the face was present.
        score: Confidence of the last detection.
        confirmed: Whether the face is reported; a tentative one waits for a second detection.
        missed_detections: Consecutive detection passes that did not find the face.
        lost_frames: Consecutive frames in which no face was present in the region.
        landmarks: Landmarks in the current frame; None if no face was present.
        motion: Motion of the centre of the box in the last frame, (x, y) in pixels.
        leapt: Whether the face in the current frame is not where that of the last frame went; it
            may be another one.
    """

    number: int
    roi: Roi
    box: NDArray[np.float32]
    score: float
    confirmed: bool
    missed_detections: int = 0
    lost_frames: int = 0
    landmarks: FaceLandmarks | None = None
    motion: tuple[float, float] = (0.0, 0.0)
    leapt: bool = False

    def place(self, landmarks: FaceLandmarks, roi: Roi) -> None:
        """Updates the track with landmarks of the current frame and the next frame's region."""
        x, y = (landmarks.box[:2] + landmarks.box[2:] - self.box[:2] - self.box[2:]) / 2
        change = np.hypot(x - self.motion[0], y - self.motion[1])
        found_again = self.lost_frames > 0
        self.leapt = found_again or bool(change > _LEAP * np.ptp(self.box[::2]))
        self.motion = (0.0, 0.0) if found_again else (float(x), float(y))
        self.landmarks = landmarks
        self.roi = roi
        self.box = landmarks.box
        self.lost_frames = 0

    def shares_face_of(self, other: "Track") -> bool:
        """Whether this track is on the face of another one, and not a face that passes it."""
        if self.landmarks is None or other.landmarks is None:
            return False
        alike = np.subtract(self.motion, other.motion)
        together = bool(np.hypot(*alike) <= _ALIKE * np.ptp(self.box[::2]))
        return (self.leapt or together) and is_duplicate(self.box, [other.box])


class Boxed(Protocol):
    """A face with a box: a detection, a track, or a tracked face."""

    @property
    def box(self) -> NDArray[np.float32]:
        """Box, (4,) x0, y0, x1, y1 in frame pixels."""
        ...


def match(detections: Sequence[Boxed], tracks: Sequence[Boxed]) -> dict[int, int]:
    """Assigns detections to tracks greedily, highest IoU first.

    Returns:
        Index of the detection -> index of the track.
    """
    if not tracks:
        return {}
    boxes = np.stack([track.box for track in tracks])
    candidates = [
        (float(overlap), first, second)
        for first, detection in enumerate(detections)
        for second, overlap in enumerate(overlaps(detection.box, boxes))
        if overlap >= _SAME_FACE
    ]
    pairs: dict[int, int] = {}
    for _, first, second in sorted(candidates, reverse=True):
        if first not in pairs and second not in pairs.values():
            pairs[first] = second
    return pairs


def is_duplicate(box: NDArray[np.float32], others: Sequence[NDArray[np.float32]]) -> bool:
    """Whether a box covers the same face as one of the others."""
    if not others:
        return False
    return bool((overlaps(box, np.stack(others), over="smaller") >= _DUPLICATE).any())
