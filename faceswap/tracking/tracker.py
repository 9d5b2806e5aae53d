"""Follows faces through a video: one track number per face.

The landmarker searches the region of each face's last frame. The slower detector runs every few
frames, and at once when a face is lost, when there is none, and after a cut. Heads that lie or hang
upside down are searched on turned frames where an upright one shows no face.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceswap.core.threads import operator_threads
from faceswap.detectors import Detection, Detector
from faceswap.geometry.alignment import head_pose
from faceswap.landmarkers import FaceLandmarks, Landmarker
from faceswap.tracking.scene_cuts import similarity, thumbnail
from faceswap.tracking.stored_state import check_tracker_state
from faceswap.tracking.tracks import Track, TrackedFace, is_duplicate, match
from faceswap.tracking.turned_frames import (
    SIDEWAYS_AND_UPSIDE_DOWN,
    detect_otherwise_turned,
    detect_turned,
    turn_of,
)


@dataclass(frozen=True)
class TrackerSettings:
    """Detection interval, and thresholds for starting and ending tracks.

    Attributes:
        detect_every: Frames from one detection pass to the next.
        confirm_score: Detection score in [0, 1] from which a new face is reported at once, if its
            presence suffices too (see ``Landmarker``). Otherwise it must be detected a second time,
            in the next frame. Does not apply where no other face is tracked.
        doubt_score: Detection score below which a new face is compared with itself in other turns:
            a head that lies or hangs upside down may have been taken for an upright one.
        max_lost_frames: Frames after which a lost face is dropped. Until then it keeps its number
            and the detector runs on every frame.
        max_missed_detections: Consecutive detection passes that may miss a face before it is
            dropped.
        turned_every: Frames from one search for turned heads to the next while nobody is there.
        min_similarity: Correlation of consecutive frames, in [-1, 1], below which there is a cut;
            all faces after it get new tracks. Typically under 0.3 at cuts and over 0.7 elsewhere.
    """

    detect_every: int = 5
    confirm_score: float = 0.75
    doubt_score: float = 0.85
    max_lost_frames: int = 12
    max_missed_detections: int = 4
    turned_every: int = 25
    min_similarity: float = 0.5


class Tracker:
    """Follows faces frame by frame, from past frames only, so that it works on live video too.

    Args:
        detector: Face detector.
        landmarker: Landmarker.
        settings: Detection interval, and thresholds for starting and ending tracks.
    """

    def __init__(
        self,
        detector: Detector,
        landmarker: Landmarker,
        settings: TrackerSettings | None = None,
    ) -> None:
        self.detector = detector
        self.landmarker = landmarker
        self.settings = settings or TrackerSettings()
        self._tracks: list[Track] = []
        self._next_number = 0
        self._since_detection = 0
        self._empty_frames = 0
        self._thumbnail: NDArray[np.uint8] | None = None

    def update(self, image: NDArray[np.uint8]) -> list[TrackedFace]:
        """Faces in the next frame of the video, by track number.

        Args:
            image: Image, (H, W, 3) uint8 RGB.
        """
        if self._is_cut(image):
            self._tracks = []
            self._empty_frames = 0
        # Decoding before and writing after this keep the other cores busy.
        with operator_threads(1):
            self._follow(image)
            self._since_detection += 1
            if self._needs_detection():
                self._detect(image)
                self._since_detection = 0
        self._prune()
        self._empty_frames = 0 if self._tracks else self._empty_frames + 1
        return [
            TrackedFace(track.number, track.box, track.score, track.landmarks)
            for track in self._tracks
            if track.confirmed and track.landmarks is not None
        ]

    def find_faces(self, image: NDArray[np.uint8]) -> list[TrackedFace]:
        """Faces in a single image, highest detection score first, numbered from 0.

        Neither uses nor changes the state of the tracker.

        Args:
            image: Image, (H, W, 3) uint8 RGB.
        """
        faces = self._faces(image, self.detector([image])[0], self.landmarker.min_presence)
        if faces:
            return faces
        turned = detect_turned(self.detector, image, SIDEWAYS_AND_UPSIDE_DOWN)
        return self._faces(image, turned, self.landmarker.confirm_presence)

    def _faces(
        self, image: NDArray[np.uint8], detections: Sequence[Detection], min_presence: float
    ) -> list[TrackedFace]:
        """Faces of these detections that are present, each once, numbered from 0."""
        kept: list[TrackedFace] = []
        for found, located in zip(detections, self._locate(image, detections), strict=True):
            if located is None or located.presence < min_presence:
                continue
            detection, landmarks = self._rightly_turned(image, found, located)
            if not is_duplicate(landmarks.box, [other.box for other in kept]):
                kept.append(TrackedFace(len(kept), landmarks.box, detection.score, landmarks))
        return kept

    def _rightly_turned(
        self, image: NDArray[np.uint8], detection: Detection, landmarks: FaceLandmarks
    ) -> tuple[Detection, FaceLandmarks]:
        """A new face as it was found, or as it is found in the turn that suits it better."""
        if detection.score >= self.settings.doubt_score:
            return detection, landmarks
        turn = turn_of(head_pose(landmarks.points).roll)
        better = detect_otherwise_turned(self.detector, image, landmarks.box, turn)
        if better is None:
            return detection, landmarks
        (again,) = self._locate(image, [better])
        if again is None or again.presence < self.landmarker.confirm_presence:
            return detection, landmarks
        return better, again

    def state(self) -> dict[str, Any]:
        """State of the tracker, as JSON values, for ``restore``."""
        return {
            "next_number": self._next_number,
            "since_detection": self._since_detection,
            "empty_frames": self._empty_frames,
            "thumbnail": None if self._thumbnail is None else self._thumbnail.tolist(),
            "tracks": [track.state() for track in self._tracks],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Resumes from ``state()``: later frames give the same faces as without interruption.

        Raises:
            FacesetError: The state is damaged.
        """
        check_tracker_state(state)
        self._next_number = state["next_number"]
        self._since_detection = state["since_detection"]
        self._empty_frames = state["empty_frames"]
        thumbnail = state["thumbnail"]
        self._thumbnail = None if thumbnail is None else np.array(thumbnail, np.uint8)
        self._tracks = [Track.from_state(saved) for saved in state["tracks"]]

    def _is_cut(self, image: NDArray[np.uint8]) -> bool:
        last, self._thumbnail = self._thumbnail, thumbnail(image)
        if last is None:
            return False
        return similarity(last, self._thumbnail) < self.settings.min_similarity

    def _follow(self, image: NDArray[np.uint8]) -> None:
        found = self.landmarker(image, [track.roi for track in self._tracks])
        for track, landmarks in zip(self._tracks, found, strict=True):
            if landmarks.presence >= self.landmarker.min_presence:
                track.place(landmarks, self.landmarker.roi_from_landmarks(landmarks))
            else:
                track.landmarks = None
                track.lost_frames += 1

    def _needs_detection(self) -> bool:
        # After a long stretch without faces the detector runs no more often than with faces.
        missing = not self._tracks and self._empty_frames <= self.settings.max_lost_frames
        doubtful = any(track.lost_frames or not track.confirmed for track in self._tracks)
        due = self._since_detection >= self.settings.detect_every
        return missing or doubtful or due

    def _detect(self, image: NDArray[np.uint8]) -> None:
        """Runs a detection pass: confirms, re-places, starts and drops tracks."""
        upright = self.detector([image])[0]
        detections = [*upright, *self._detect_missed(image, upright)]
        pairs = match(detections, self._tracks)
        for index, track in enumerate(self._tracks):
            if index not in pairs.values():
                track.missed_detections += 1
        self._place(image, detections, pairs)
        if self._must_search_turned():
            turned = detect_turned(self.detector, image, SIDEWAYS_AND_UPSIDE_DOWN)
            self._place(image, turned, match(turned, self._tracks), certain=True)

    def _detect_missed(
        self, image: NDArray[np.uint8], detections: Sequence[Detection]
    ) -> list[Detection]:
        """Detections on frames turned upright for the turned heads that were not detected."""
        pairs = match(detections, self._tracks).values()
        missed = [track for index, track in enumerate(self._tracks) if index not in pairs]
        turns = sorted({turn_of(track.roi.angle) for track in missed} - {0})
        return detect_turned(self.detector, image, turns) if turns else []

    def _must_search_turned(self) -> bool:
        """Whether no face is there, and turned frames are due: at once, and then now and then."""
        if any(track.landmarks is not None for track in self._tracks):
            return False
        if self._tracks:
            return any(track.lost_frames == 1 for track in self._tracks)
        # The first frame that is looked at, the first after a loss, and every n-th.
        return self._empty_frames % self.settings.turned_every <= 1

    def _place(
        self,
        image: NDArray[np.uint8],
        detections: Sequence[Detection],
        pairs: Mapping[int, int],
        *,
        certain: bool = False,
    ) -> None:
        """Confirms, re-places and starts tracks.

        Args:
            image: Image, (H, W, 3) uint8 RGB.
            detections: Detections in it.
            pairs: Index of the detection -> index of the track.
            certain: Whether only landmarks of high presence count.
        """
        unplaced = []
        for index, detection in enumerate(detections):
            track = self._tracks[pairs[index]] if index in pairs else None
            if track is not None:
                self._detected_again(track, detection)
            if track is None or track.landmarks is None:
                unplaced.append((detection, track))
        # Tentative tracks began in the last frame: this was their second detection pass.
        self._tracks = [track for track in self._tracks if track.confirmed]
        located = self._locate(image, [detection for detection, _ in unplaced])
        needed = self.landmarker.confirm_presence if certain else self.landmarker.min_presence
        for (detection, track), landmarks in zip(unplaced, located, strict=True):
            if landmarks is None or landmarks.presence < needed:
                continue
            if track is None:
                self._start_track(*self._rightly_turned(image, detection, landmarks))
            else:
                track.place(landmarks, self.landmarker.roi_from_landmarks(landmarks))

    def _detected_again(self, track: Track, detection: Detection) -> None:
        track.score, track.missed_detections = detection.score, 0
        if not track.confirmed and track.landmarks is not None:
            present = track.landmarks.presence >= self.landmarker.confirm_presence
            track.confirmed = self._none_confirmed() or present

    def _start_track(self, detection: Detection, landmarks: FaceLandmarks) -> None:
        if is_duplicate(landmarks.box, [t.box for t in self._tracks if t.landmarks is not None]):
            return
        detected = self._none_confirmed() or detection.score >= self.settings.confirm_score
        track = Track(
            self._next_number,
            self.landmarker.roi_from_landmarks(landmarks),
            landmarks.box,
            detection.score,
            confirmed=detected and landmarks.presence >= self.landmarker.confirm_presence,
            landmarks=landmarks,
        )
        self._tracks.append(track)
        self._next_number += 1

    def _none_confirmed(self) -> bool:
        return not any(track.confirmed for track in self._tracks)

    def _locate(
        self, image: NDArray[np.uint8], detections: Sequence[Detection]
    ) -> list[FaceLandmarks | None]:
        """Landmarks of new faces, by two passes; None where no face is present."""
        rois = [self.landmarker.roi_from_detection(d.box, d.points) for d in detections]
        first = self.landmarker(image, rois)
        second = self.landmarker(image, [self.landmarker.roi_from_landmarks(a) for a in first])
        return [
            b if min(a.presence, b.presence) >= self.landmarker.min_presence else None
            for a, b in zip(first, second, strict=True)
        ]

    def _prune(self) -> None:
        """Drops lost and missed faces, and the newer of two tracks on one face."""
        kept: list[Track] = []
        for track in self._tracks:
            lost = track.lost_frames > self.settings.max_lost_frames
            missed = track.missed_detections > self.settings.max_missed_detections
            duplicate = is_duplicate(track.box, [other.box for other in kept])
            if not (lost or missed or duplicate):
                kept.append(track)
        self._tracks = kept
