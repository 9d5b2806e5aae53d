"""Faces followed through a video: the same number means the same face from frame to frame.

The landmark network looks where the face was in the last frame; the slower detector looks every few
frames, and at once when a face is lost, when none is there, and after a cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceswap.core.threads import operator_threads
from faceswap.detectors import Detection, Detector
from faceswap.detectors.nms import overlaps
from faceswap.landmarkers import FaceLandmarks, Landmarker, Roi
from faceswap.tracking.scene_cuts import similarity, thumbnail

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

    def place(self, landmarks: FaceLandmarks, roi: Roi) -> None:
        self.landmarks = landmarks
        self.roi = roi
        self.box = landmarks.box
        self.lost = 0


class Tracker:
    """Follows faces; decides from the past alone, so it works on a live picture too.

    Args:
        detector: Finds faces anywhere in a frame.
        landmarker: Places landmarks in a region.
        detect_every: Frames from one look of the detector to the next.
        sure_score: A new face is shown at once when its detection is as certain as this (beside
            other faces; a lone one need not be) and its presence too. Else it must be found a
            second time, in the next frame.
        patience: Frames after which a lost face is forgotten; until then it keeps its number, and
            the detector looks for it in every frame.
        max_unseen: Looks of the detector that may miss a face before it is dropped.
        min_similarity: Correlation of two frames (coarse, grey) below which there is a cut between
            them; all faces after it are new ones. Measured: under 0.3 at cuts, over 0.7 elsewhere.
    """

    def __init__(
        self,
        detector: Detector,
        landmarker: Landmarker,
        detect_every: int = 5,
        sure_score: float = 0.75,
        patience: int = 12,
        max_unseen: int = 4,
        min_similarity: float = 0.5,
    ) -> None:
        self.detector = detector
        self.landmarker = landmarker
        self.detect_every = detect_every
        self.sure_score = sure_score
        self.patience = patience
        self.max_unseen = max_unseen
        self.min_similarity = min_similarity
        self._tracks: list[_Track] = []
        self._next_number = 0
        self._since_look = 0
        self._empty = 0
        self._thumbnail: NDArray[np.uint8] | None = None

    def update(self, image: NDArray[np.uint8]) -> list[TrackedFace]:
        """Faces in the next frame of the video, by track number.

        Args:
            image: (H, W, 3) uint8 RGB.
        """
        if self._is_cut(image):
            self._tracks = []
            self._empty = 0
        # Decoding before and writing after this keep the other cores busy.
        with operator_threads(1):
            self._follow(image)
            self._since_look += 1
            if self._must_look():
                self._look(image)
                self._since_look = 0
        self._forget()
        self._empty = 0 if self._tracks else self._empty + 1
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
            "empty": self._empty,
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
        self._empty = state["empty"]
        thumbnail = state["thumbnail"]
        self._thumbnail = None if thumbnail is None else np.array(thumbnail, np.uint8)
        self._tracks = []
        for saved in state["tracks"]:
            x, y, side, angle = saved["roi"]
            track = {**saved, "roi": Roi((x, y), side, angle)}
            track["box"] = np.array(saved["box"], np.float32)
            self._tracks.append(_Track(**track))

    def _is_cut(self, image: NDArray[np.uint8]) -> bool:
        last, self._thumbnail = self._thumbnail, thumbnail(image)
        return last is not None and similarity(last, self._thumbnail) < self.min_similarity

    def _follow(self, image: NDArray[np.uint8]) -> None:
        found = self.landmarker(image, [track.roi for track in self._tracks])
        for track, landmarks in zip(self._tracks, found, strict=True):
            if landmarks.presence >= self.landmarker.min_presence:
                track.place(landmarks, self.landmarker.roi_from_landmarks(landmarks))
            else:
                track.landmarks = None
                track.lost += 1

    def _must_look(self) -> bool:
        # What has been empty for long is searched no more often than what has its faces.
        missing = not self._tracks and self._empty <= self.patience
        doubtful = any(track.lost or not track.confirmed for track in self._tracks)
        return missing or doubtful or self._since_look >= self.detect_every

    def _look(self, image: NDArray[np.uint8]) -> None:
        detections = self.detector([image])[0]
        pairs = _match(detections, self._tracks)
        for index, track in enumerate(self._tracks):
            if index not in pairs.values():
                track.unseen += 1
        unmet = []
        for index, detection in enumerate(detections):
            track = self._tracks[pairs[index]] if index in pairs else None
            if track is not None:
                self._see(track, detection)
            if track is None or track.landmarks is None:
                unmet.append((detection, track))
        # Doubtful ones were begun in the last frame: this was their second look.
        self._tracks = [track for track in self._tracks if track.confirmed]
        met = self._meet(image, [detection for detection, _ in unmet])
        for (detection, track), landmarks in zip(unmet, met, strict=True):
            if landmarks is None:
                continue
            if track is None:
                self._begin(detection, landmarks)
            else:
                track.place(landmarks, self.landmarker.roi_from_landmarks(landmarks))

    def _see(self, track: _Track, detection: Detection) -> None:
        track.score, track.unseen = detection.score, 0
        if not track.confirmed and track.landmarks is not None:
            present = track.landmarks.presence >= self.landmarker.confirm_presence
            track.confirmed = self._is_alone() or present

    def _begin(self, detection: Detection, landmarks: FaceLandmarks) -> None:
        if _is_duplicate(landmarks.box, [t.box for t in self._tracks if t.landmarks is not None]):
            return
        sure = self._is_alone() or detection.score >= self.sure_score
        track = _Track(
            self._next_number,
            self.landmarker.roi_from_landmarks(landmarks),
            landmarks.box,
            detection.score,
            confirmed=sure and landmarks.presence >= self.landmarker.confirm_presence,
            landmarks=landmarks,
        )
        self._tracks.append(track)
        self._next_number += 1

    def _is_alone(self) -> bool:
        return not any(track.confirmed for track in self._tracks)

    def _meet(
        self, image: NDArray[np.uint8], detections: Sequence[Detection]
    ) -> list[FaceLandmarks | None]:
        """Landmarks of faces that were not followed: None where none is present after all."""
        rois = [self.landmarker.roi_from_detection(d.box, d.points) for d in detections]
        first = self.landmarker(image, rois)
        second = self.landmarker(
            image, [self.landmarker.roi_from_landmarks(landmarks) for landmarks in first]
        )
        return [
            b if min(a.presence, b.presence) >= self.landmarker.min_presence else None
            for a, b in zip(first, second, strict=True)
        ]

    def _forget(self) -> None:
        kept: list[_Track] = []
        for track in self._tracks:
            if track.lost > self.patience or track.unseen > self.max_unseen:
                continue
            # The older of two stays: its number has been shown longer.
            if _is_duplicate(track.box, [other.box for other in kept]):
                continue
            kept.append(track)
        self._tracks = kept


def _match(detections: Sequence[Detection], tracks: Sequence[_Track]) -> dict[int, int]:
    """Index of a detection -> index of the track that it belongs to; closest pairs first."""
    if not tracks:
        return {}
    boxes = np.stack([track.box for track in tracks])
    candidates = [
        (float(share), first, second)
        for first, detection in enumerate(detections)
        for second, share in enumerate(overlaps(detection.box, boxes))
        if share >= _SAME_FACE
    ]
    pairs: dict[int, int] = {}
    for _, first, second in sorted(candidates, reverse=True):
        if first not in pairs and second not in pairs.values():
            pairs[first] = second
    return pairs


def _is_duplicate(box: NDArray[np.float32], others: Sequence[NDArray[np.float32]]) -> bool:
    if not others:
        return False
    return bool((overlaps(box, np.stack(others), over="smaller") >= _DUPLICATE).any())
