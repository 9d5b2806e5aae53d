"""Searches the faces of single frames: upright and turned, on the whole frame and on tiles."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from faceswap.detectors import Detection, Detector, TiledDetector
from faceswap.geometry.alignment import head_pose
from faceswap.landmarkers import FaceLandmarks, Landmarker
from faceswap.tracking.settings import Pass, TrackerSettings
from faceswap.tracking.tracks import Track, TrackedFace, is_duplicate, match
from faceswap.tracking.turned_frames import (
    SIDEWAYS_AND_UPSIDE_DOWN,
    detect_around,
    detect_otherwise_turned,
    detect_turned,
    rounded_roll,
)


class FaceSearch:
    """Detector and landmarker on one frame at a time, without memory.

    Args:
        detector: Face detector.
        landmarker: Landmarker.
        settings: Thresholds, and when turned frames are searched.
        tiles: The detector with tiles, for small faces in large frames; None to do without.
    """

    def __init__(
        self,
        detector: Detector,
        landmarker: Landmarker,
        settings: TrackerSettings,
        tiles: TiledDetector | None = None,
    ) -> None:
        self.detector = detector
        self.landmarker = landmarker
        self.settings = settings
        self.tiles = tiles

    def detect(
        self, images: Sequence[NDArray[np.uint8]], passes: Sequence[Pass]
    ) -> list[list[Detection]]:
        """Detections of a pass over each image, highest score first, as one batch.

        Args:
            images: Images, (H, W, 3) uint8 RGB.
            passes: Pass over each image, "whole" or "tiles".
        """
        found = self.detector(images)
        tiled = [index for index, each in enumerate(passes) if each == "tiles"]
        completed = self.add_tiles([images[i] for i in tiled], [found[i] for i in tiled])
        for index, detections in zip(tiled, completed, strict=True):
            found[index] = detections
        return found

    def add_tiles(
        self, images: Sequence[NDArray[np.uint8]], found: Sequence[list[Detection]]
    ) -> list[list[Detection]]:
        """Detections on whole images, and those on the tiles of large ones."""
        return list(found) if self.tiles is None else self.tiles.add_tiles(images, found)

    def find_faces(
        self, image: NDArray[np.uint8], ahead: Sequence[Detection] | None = None
    ) -> list[TrackedFace]:
        """Faces in an image, numbered from 0.

        Args:
            image: Image, (H, W, 3) uint8 RGB.
            ahead: Detections of a pass with tiles; None to detect now.
        """
        detections = self.detect([image], ["tiles"])[0] if ahead is None else ahead
        faces = self._faces(image, detections, self.landmarker.min_presence)
        searched: set[int] = {0}
        while rolls := self._rolls(faces) - searched:
            searched |= rolls
            turned = self.detect_turned(image, rolls)
            faces = self._faces(image, turned, self.landmarker.confirm_presence, faces)
        return faces

    def _rolls(self, faces: Sequence[TrackedFace]) -> set[int]:
        found = [head_pose(face.landmarks.points).roll for face in faces]
        return self.rolls_to_search(found, nobody=not faces)

    def detect_turned(self, image: NDArray[np.uint8], rolls: Iterable[int]) -> list[Detection]:
        """Detections on copies of the image that show heads of these rolls upright."""
        return detect_turned(self.detector, image, sorted(rolls))

    def rolls_to_search(self, found: Iterable[float], *, nobody: bool) -> set[int]:
        """Rolls of heads, besides upright ones, for which turned frames are searched.

        Where one head is turned, others may be, that only a turned frame shows. None are searched
        for a landmarker that cannot place them.

        Args:
            found: Rolls of new faces in degrees, clockwise.
            nobody: Whether nobody is there, and upright frames have been searched.
        """
        if self.settings.turned == "never" or self.landmarker.upright:
            return set()
        rolls = {rounded_roll(roll) for roll in found}
        if nobody or self.settings.turned == "always":
            rolls |= set(SIDEWAYS_AND_UPSIDE_DOWN)
        return rolls - {0}

    def _faces(
        self,
        image: NDArray[np.uint8],
        detections: Sequence[Detection],
        min_presence: float,
        known: Sequence[TrackedFace] = (),
    ) -> list[TrackedFace]:
        """Known faces, then those of the detections that are present, each once, from 0."""
        kept = list(known)
        for found, located in zip(detections, self.locate(image, detections), strict=True):
            if located is None or located.presence < min_presence:
                continue
            detection, landmarks = self.rightly_turned(image, found, located)
            if not is_duplicate(landmarks.box, [other.box for other in kept]):
                kept.append(TrackedFace(len(kept), landmarks.box, detection.score, landmarks))
        return kept

    def rightly_turned(
        self, image: NDArray[np.uint8], detection: Detection, landmarks: FaceLandmarks
    ) -> tuple[Detection, FaceLandmarks]:
        """A new face as it was found, or as it is found in the turn that suits it better."""
        if detection.score >= self.settings.doubt_score:
            return detection, landmarks
        roll = head_pose(landmarks.points).roll
        better = detect_otherwise_turned(self.detector, image, landmarks.box, roll)
        if better is None:
            return detection, landmarks
        (again,) = self.locate(image, [better])
        if again is None or again.presence < self.landmarker.confirm_presence:
            return detection, landmarks
        return better, again

    def locate(
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

    def detect_missed(
        self, image: NDArray[np.uint8], detections: Sequence[Detection], tracks: Sequence[Track]
    ) -> list[Detection]:
        """Detections of tracked faces that a detection pass missed since they are turned or small.

        Each is searched on its surroundings, enlarged and turned upright.

        Args:
            image: Image, (H, W, 3) uint8 RGB.
            detections: Detections of the pass.
            tracks: Tracked faces.
        """
        pairs = match(detections, tracks).values()
        smallest = 0.0 if self.tiles is None else self.tiles.smallest_whole(*image.shape[:2])
        missed = [
            track
            for index, track in enumerate(tracks)
            if index not in pairs
            and (rounded_roll(track.roi.angle) or float(np.ptp(track.box[::2])) < smallest)
        ]
        if not missed:
            return []
        boxes, rolls = [track.box for track in missed], [track.roi.angle for track in missed]
        found = detect_around(self.detector, image, boxes, rolls)
        return [detection for detection in found if detection is not None]
