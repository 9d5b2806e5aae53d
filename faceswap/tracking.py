"""Faces followed through a video: the same number means the same face from frame to frame.

The landmark network looks where the face was in the last frame; the slower detector looks every few
frames, and at once when a face is lost, when there is none, and after a cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.detectors import Detection, Detector
from faceswap.detectors.suppression import overlaps
from faceswap.landmarkers import FaceLandmarks, Landmarker, Roi
from faceswap.landmarkers.facemesh import roi_from_detection, roi_from_mesh

# IoU from which on a detection means a face that is followed already.
_SAME_FACE = 0.25
# Share of the smaller box from which on two faces that are followed are one.
_DUPLICATE = 0.6


@dataclass(frozen=True)
class TrackedFace:
    """A face in one frame.

    Args:
        track: Number of the face; never used again for another one.
        box: (4,) float32 x0, y0, x1, y1 around the landmarks, in frame pixels.
        score: Certainty of the detector when it last saw this face.
        landmarks: What the landmark network sees in this frame.
    """

    track: int
    box: NDArray[np.float32]
    score: float
    landmarks: FaceLandmarks


@dataclass
class _Track:
    """A face that is followed.

    Args:
        number: Of the track.
        roi: Where to look next.
        box: In the last frame in which it was seen.
        score: Of the last detection.
        confirmed: Whether it is shown; a doubtful one waits for a second detection.
        unseen: Consecutive looks of the detector that did not find it.
        lost: Consecutive frames in which no face was present there.
        landmarks: In the frame at hand.
    """

    number: int
    roi: Roi
    box: NDArray[np.float32]
    score: float
    confirmed: bool
    unseen: int = 0
    lost: int = 0
    landmarks: FaceLandmarks | None = None

    def place(self, landmarks: FaceLandmarks) -> None:
        self.landmarks = landmarks
        self.roi = roi_from_mesh(landmarks.mesh)
        self.box = landmarks.box
        self.lost = 0


class Tracker:
    """Follows faces; decides from the past alone, so it works on a live picture too.

    Args:
        detector: Finds faces anywhere in a frame.
        landmarker: Places landmarks in a region.
        detect_every: Frames from one look of the detector to the next.
        min_presence: Below it a region holds no face.
        sure_score: Detections as certain as this are shown at once, even beside other faces;
            others must be found a second time, in the next frame.
        patience: Frames after which a lost face is forgotten; until then it keeps its number.
        max_unseen: Looks of the detector that may miss a face before it is dropped.
        cut_difference: Mean difference of brightness (0 to 255) between two frames that means a
            cut; all faces after it are new ones.
    """

    def __init__(
        self,
        detector: Detector,
        landmarker: Landmarker,
        detect_every: int = 5,
        min_presence: float = 0.5,
        sure_score: float = 0.75,
        patience: int = 12,
        max_unseen: int = 4,
        cut_difference: float = 30.0,
    ) -> None:
        self.detector = detector
        self.landmarker = landmarker
        self.detect_every = detect_every
        self.min_presence = min_presence
        self.sure_score = sure_score
        self.patience = patience
        self.max_unseen = max_unseen
        self.cut_difference = cut_difference
        self._tracks: list[_Track] = []
        self._next_number = 0
        self._since_look = 0
        self._thumbnail: NDArray[np.uint8] | None = None

    def update(self, image: NDArray[np.uint8]) -> list[TrackedFace]:
        """Faces in the next frame of the video, by track number.

        Args:
            image: (H, W, 3) uint8 RGB.
        """
        if self._is_cut(image):
            self._tracks = []
        self._follow(image)
        self._since_look += 1
        if self._must_look():
            self._look(image)
            self._since_look = 0
        self._forget()
        return [
            TrackedFace(track.number, track.box, track.score, track.landmarks)
            for track in self._tracks
            if track.confirmed and track.landmarks is not None
        ]

    def still(self, image: NDArray[np.uint8]) -> list[TrackedFace]:
        """Faces in a picture that belongs to no video, the most certain first.

        The state of the tracker is neither used nor changed.
        """
        detections = self.detector([image])[0]
        faces = [
            TrackedFace(0, landmarks.box, detection.score, landmarks)
            for detection, landmarks in zip(detections, self._meet(image, detections), strict=True)
            if landmarks is not None
        ]
        kept: list[TrackedFace] = []
        for face in faces:
            if not _is_duplicate(face.box, [other.box for other in kept]):
                kept.append(TrackedFace(len(kept), face.box, face.score, face.landmarks))
        return kept

    def state(self) -> dict[str, Any]:
        """All that later frames depend on, as JSON values."""
        return {
            "next_number": self._next_number,
            "since_look": self._since_look,
            "thumbnail": None if self._thumbnail is None else self._thumbnail.tolist(),
            "tracks": [
                {
                    "number": track.number,
                    "roi": [*track.roi.center, track.roi.side, track.roi.angle],
                    "box": [float(v) for v in track.box],
                    "score": track.score,
                    "confirmed": track.confirmed,
                    "unseen": track.unseen,
                    "lost": track.lost,
                }
                for track in self._tracks
            ],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from `state()`: the next frames give what they would have given then."""
        self._next_number = state["next_number"]
        self._since_look = state["since_look"]
        thumbnail = state["thumbnail"]
        self._thumbnail = None if thumbnail is None else np.array(thumbnail, np.uint8)
        self._tracks = []
        for saved in state["tracks"]:
            x, y, side, angle = saved["roi"]
            track = {**saved, "roi": Roi((x, y), side, angle)}
            track["box"] = np.array(saved["box"], np.float32)
            self._tracks.append(_Track(**track))

    def _is_cut(self, image: NDArray[np.uint8]) -> bool:
        grey = cv2.cvtColor(
            cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY
        )
        thumbnail = cv2.resize(grey, (16, 16), interpolation=cv2.INTER_AREA)
        last, self._thumbnail = self._thumbnail, thumbnail.astype(np.uint8, copy=False)
        if last is None:
            return False
        return float(np.abs(last.astype(np.int16) - thumbnail).mean()) > self.cut_difference

    def _follow(self, image: NDArray[np.uint8]) -> None:
        found = self.landmarker(image, [track.roi for track in self._tracks])
        for track, landmarks in zip(self._tracks, found, strict=True):
            if landmarks.presence >= self.min_presence:
                track.place(landmarks)
            else:
                track.landmarks = None
                track.lost += 1

    def _must_look(self) -> bool:
        doubtful = any(track.lost or not track.confirmed for track in self._tracks)
        return not self._tracks or doubtful or self._since_look >= self.detect_every

    def _look(self, image: NDArray[np.uint8]) -> None:
        detections = self.detector([image])[0]
        pairs = _match(detections, self._tracks)
        for track in self._tracks:
            if track.number not in pairs.values():
                track.unseen += 1
        fresh = []
        for index, detection in enumerate(detections):
            track = next((t for t in self._tracks if pairs.get(index) == t.number), None)
            if track is None:
                fresh.append((detection, None))
                continue
            track.score, track.unseen, track.confirmed = detection.score, 0, True
            if track.landmarks is None:
                fresh.append((detection, track))
        met = self._meet(image, [detection for detection, _ in fresh])
        for (detection, track), landmarks in zip(fresh, met, strict=True):
            if landmarks is None:
                continue
            if track is None:
                self._begin(detection, landmarks)
            else:
                track.place(landmarks)

    def _begin(self, detection: Detection, landmarks: FaceLandmarks) -> None:
        if _is_duplicate(landmarks.box, [t.box for t in self._tracks if t.landmarks is not None]):
            return
        alone = not any(track.confirmed for track in self._tracks)
        sure = detection.score >= self.sure_score
        track = _Track(
            self._next_number,
            roi_from_mesh(landmarks.mesh),
            landmarks.box,
            detection.score,
            confirmed=alone or sure,
            landmarks=landmarks,
        )
        self._tracks.append(track)
        self._next_number += 1

    def _meet(
        self, image: NDArray[np.uint8], detections: Sequence[Detection]
    ) -> list[FaceLandmarks | None]:
        """Landmarks of faces that were not followed: None where none is present after all."""
        rois = [roi_from_detection(d.box, d.points[0], d.points[1]) for d in detections]
        first = self.landmarker(image, rois)
        second = self.landmarker(image, [roi_from_mesh(landmarks.mesh) for landmarks in first])
        return [
            b if min(a.presence, b.presence) >= self.min_presence else None
            for a, b in zip(first, second, strict=True)
        ]

    def _forget(self) -> None:
        kept: list[_Track] = []
        for track in self._tracks:
            lost = track.lost > self.patience or track.unseen > self.max_unseen
            doubtful = not track.confirmed and (track.lost or track.unseen)
            if lost or doubtful:
                continue
            # The older of two stays: its number has been shown longer.
            if _is_duplicate(track.box, [other.box for other in kept]):
                continue
            kept.append(track)
        self._tracks = kept


def _match(detections: Sequence[Detection], tracks: Sequence[_Track]) -> dict[int, int]:
    """Index of a detection -> number of the track that it belongs to; closest pairs first."""
    if not tracks:
        return {}
    boxes = np.stack([track.box for track in tracks])
    candidates = [
        (share, index, track.number)
        for index, detection in enumerate(detections)
        for share, track in zip(overlaps(detection.box, boxes), tracks, strict=True)
        if share >= _SAME_FACE
    ]
    pairs: dict[int, int] = {}
    for _, index, number in sorted(candidates, reverse=True):
        if index not in pairs and number not in pairs.values():
            pairs[index] = number
    return pairs


def _is_duplicate(box: NDArray[np.float32], others: Sequence[NDArray[np.float32]]) -> bool:
    if not others:
        return False
    return bool((overlaps(box, np.stack(others), over="smaller") >= _DUPLICATE).any())
