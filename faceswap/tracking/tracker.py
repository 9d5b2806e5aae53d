"""Follows faces through a video: one track number per face.

The landmarker searches the region of each face's last frame. The slower detector runs every few
frames by a schedule that is known ahead, and at once when a face is lost, when there is none, and
after a cut; at a lower rate it searches tiles of large frames. Heads that lie or hang upside down
are searched on turned frames where an upright one shows no face, or a turned one.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from faceswap.core.threads import operator_threads
from faceswap.detectors import Detection, Detector, TiledDetector
from faceswap.landmarkers import FaceLandmarks, Landmarker
from faceswap.tracking.face_search import FaceSearch
from faceswap.tracking.scene_cuts import similarity, thumbnail
from faceswap.tracking.settings import Pass, TrackerSettings
from faceswap.tracking.tracks import Track, TrackedFace, is_duplicate, match


class Tracker:
    """Follows faces frame by frame, from past frames only, so that it works on live video too.

    Args:
        detector: Face detector.
        landmarker: Landmarker.
        settings: Detection interval, and thresholds for starting and ending tracks.
        tiles: The detector with tiles, for small faces in large frames; None to do without.
    """

    def __init__(
        self,
        detector: Detector,
        landmarker: Landmarker,
        settings: TrackerSettings | None = None,
        tiles: TiledDetector | None = None,
    ) -> None:
        self.detector = detector
        self.landmarker = landmarker
        self.settings = settings or TrackerSettings()
        self.search = FaceSearch(detector, landmarker, self.settings, tiles)
        self._tracks: list[Track] = []
        self._next_number = 0
        self._position: int = 0  # of the next frame, unless it is given
        self._empty_frames = 0
        self._thumbnail: NDArray[np.uint8] | None = None

    def update(
        self,
        image: NDArray[np.uint8],
        position: int | None = None,
        ahead: Sequence[Detection] | None = None,
    ) -> list[TrackedFace]:
        """Faces in the next frame of the video, by track number.

        Args:
            image: Image, (H, W, 3) uint8 RGB.
            position: Number of the frame among those of its video that are tracked, by which
                detection passes are scheduled; None for the one after the last frame.
            ahead: Detections of the pass that is scheduled for this frame; None to detect now, if
                a pass is due.
        """
        if position is None:
            position = self._position
        self._position = position + 1
        if self._is_cut(image):
            self._tracks = []
            self._empty_frames = 0
        # Decoding before and writing after this keep the other cores busy.
        with operator_threads(1):
            if self.settings.follows:
                self._follow(image, self._tracks, self.landmarker.min_presence)
                if self._needs_detection(position):
                    self._detect(image, position, ahead)
            else:
                for track in self._tracks:
                    track.landmarks = None
                self._detect(image, position, ahead)
                lost = [track for track in self._tracks if track.landmarks is None]
                self._follow(image, lost, self.landmarker.min_presence)
        self._prune()
        self._empty_frames = 0 if self._tracks else self._empty_frames + 1
        return [
            TrackedFace(track.number, track.box, track.score, track.landmarks)
            for track in self._tracks
            if track.confirmed and track.landmarks is not None
        ]

    def find_faces(
        self, image: NDArray[np.uint8], ahead: Sequence[Detection] | None = None
    ) -> list[TrackedFace]:
        """Faces in a single image, highest detection score first, numbered from 0.

        Neither uses nor changes the state of the tracker.

        Args:
            image: Image, (H, W, 3) uint8 RGB.
            ahead: Detections of a pass with tiles; None to detect now.
        """
        return self.search.find_faces(image, ahead)

    def anew(self) -> "Tracker":
        """A tracker with the same networks and settings that has seen nothing yet."""
        return Tracker(self.detector, self.landmarker, self.settings, self.search.tiles)

    def _is_cut(self, image: NDArray[np.uint8]) -> bool:
        last, self._thumbnail = self._thumbnail, thumbnail(image)
        if last is None:
            return False
        return similarity(last, self._thumbnail) < self.settings.min_similarity

    def _follow(
        self, image: NDArray[np.uint8], tracks: Sequence[Track], needed_presence: float
    ) -> None:
        """Places the landmarks of tracks in the regions where their faces were."""
        found = self.landmarker(image, [track.roi for track in tracks])
        for track, landmarks in zip(tracks, found, strict=True):
            if landmarks.presence >= needed_presence:
                track.place(landmarks, self.landmarker.roi_from_landmarks(landmarks))
            else:
                track.landmarks = None
                track.lost_frames += 1

    def _needs_detection(self, position: int) -> bool:
        # After a long stretch without faces the detector runs no more often than with faces.
        missing = not self._tracks and self._empty_frames <= self.settings.max_lost_frames
        doubtful = any(track.lost_frames or not track.confirmed for track in self._tracks)
        due = self.settings.scheduled_pass(position) != "none"
        return missing or doubtful or due

    def _detect(
        self, image: NDArray[np.uint8], position: int, ahead: Sequence[Detection] | None
    ) -> None:
        """Runs a detection pass: confirms, re-places, starts and drops tracks."""
        found = self._search_upright(image, position, ahead)
        detections = [*found, *self.search.detect_missed(image, found, self._tracks)]
        pairs = match(detections, self._tracks)
        for index, track in enumerate(self._tracks):
            if index not in pairs.values():
                track.missed_detections += 1
        known = {track.number for track in self._tracks}
        self._place(image, detections, pairs)
        new = [track.roi.angle for track in self._tracks if track.number not in known]
        if rolls := self.search.rolls_to_search(new, nobody=self._nobody_is_there(position)):
            turned = self.search.detect_turned(image, rolls)
            self._place(image, turned, match(turned, self._tracks), certain=True)

    def _search_upright(
        self, image: NDArray[np.uint8], position: int, ahead: Sequence[Detection] | None
    ) -> list[Detection]:
        """Detections on the frame, and on its tiles in the first frame of a shot or when due."""
        begins = not self._tracks and self._empty_frames == 0
        on_tiles = self.settings.scheduled_pass(position) == "tiles"
        if ahead is None:
            each: Pass = "tiles" if begins or on_tiles else "whole"
            return self.search.detect([image], [each])[0]
        if begins and not on_tiles:
            return self.search.add_tiles([image], [list(ahead)])[0]
        return list(ahead)

    def _nobody_is_there(self, position: int) -> bool:
        """Whether nobody is there, and turned frames are due: at once, and then now and then."""
        if any(track.landmarks is not None for track in self._tracks):
            return False
        if self._tracks:
            return any(track.lost_frames == 1 for track in self._tracks)
        # The first frame that is looked at, the first after a loss, and every n-th.
        return self._empty_frames <= 1 or self.settings.searches_turned(position)

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
            certain: Whether these are further detections of the same pass, on turned frames, of
                which only landmarks of high presence count.
        """
        unplaced = []
        for index, detection in enumerate(detections):
            track = self._tracks[pairs[index]] if index in pairs else None
            if track is not None:
                self._detected_again(track, detection)
            if track is None or track.landmarks is None:
                unplaced.append((detection, track))
        # Tentative tracks began in the last frame: this was their second detection pass.
        if not certain:
            self._tracks = [track for track in self._tracks if track.confirmed]
        located = self.search.locate(image, [detection for detection, _ in unplaced])
        needed = self.landmarker.confirm_presence if certain else self.landmarker.min_presence
        for (detection, track), landmarks in zip(unplaced, located, strict=True):
            if landmarks is None or landmarks.presence < needed:
                continue
            if track is None:
                self._start_track(*self.search.rightly_turned(image, detection, landmarks))
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

    def _prune(self) -> None:
        """Drops lost and missed faces, and one of two tracks on one face.

        That is the one which leapt there: it followed a person whom another one now hides.
        Otherwise it is the newer one. A lost face is not where it was, and drops no other.
        """
        kept: list[Track] = []
        for track in sorted(self._tracks, key=lambda track: (track.leapt, track.number)):
            lost = track.lost_frames > self.settings.max_lost_frames
            missed = track.missed_detections > self.settings.max_missed_detections
            if not (lost or missed or any(track.shares_face_of(other) for other in kept)):
                kept.append(track)
        self._tracks = sorted(kept, key=lambda track: track.number)
