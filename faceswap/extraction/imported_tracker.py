"""Plays the part of the tracker with faces that another program found."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faceswap.extraction.imported_faces import ImportedFace, ImportedFaces
from faceswap.facesets.record import IMPORTED
from faceswap.landmarkers import FaceLandmarks, Landmarker
from faceswap.media.frame import Frame
from faceswap.tracking.tracks import TrackedFace, match


class ImportedTracker:
    """Gives the imported faces of a frame; finds their landmarks where only boxes were imported.

    A face without the number of a track continues that of the last frame's face whose box it
    overlaps most.

    Args:
        faces: Imported faces of the source.
        landmarker: Landmarker for faces without landmarks; None if all have some.
        kind: Kind of the source: "video", or "images", whose faces are tracks of their own.
        step: Step between processed frames.
        first: Index of the first processed frame.
    """

    def __init__(
        self,
        faces: ImportedFaces,
        landmarker: Landmarker | None,
        kind: str = "video",
        step: int = 1,
        first: int = 0,
    ) -> None:
        self.faces = faces
        self.landmarker = landmarker
        self._numbers = _numbered(faces, step, first) if kind == "video" else {}

    @property
    def weights(self) -> tuple[str, ...]:
        """Names of the weights that the landmarks depend on."""
        return () if self.landmarker is None else tuple(self.landmarker.weights)

    def record(self) -> dict[str, str]:
        """Entries of the extractor's record: who found the faces, and the hash of what it found."""
        found = {"detector": IMPORTED, "imported": self.faces.sha256()}
        return found if self.landmarker is not None else found | {"landmarker": IMPORTED}

    def faces_in(self, frame: Frame) -> list[TrackedFace]:
        """The faces of a frame, without those in whose box the landmarker finds none."""
        given = self.faces.by_frame.get(frame.index, ())
        located = self._located(frame, given)
        found = [index for index, landmarks in enumerate(located) if landmarks is not None]
        numbers = self._numbers.get(frame.index, {index: n for n, index in enumerate(found)})
        return [
            TrackedFace(numbers[index], face.box, face.score, landmarks)
            for index, (face, landmarks) in enumerate(zip(given, located, strict=True))
            if landmarks is not None
        ]

    def _located(self, frame: Frame, given: Sequence[ImportedFace]) -> list[FaceLandmarks | None]:
        """Landmarks of the faces; None where the landmarker finds no face in a box."""
        searched = [face.box for face in given if face.landmarks is None]
        found = iter(self._landmarks_in(frame, searched) if searched else [])
        return [
            next(found) if face.landmarks is None else FaceLandmarks(face.landmarks, None, 1.0)
            for face in given
        ]

    def _landmarks_in(
        self, frame: Frame, boxes: Sequence[NDArray[np.float32]]
    ) -> list[FaceLandmarks | None]:
        landmarker, image = self.landmarker, frame.displayed()
        assert landmarker is not None
        first = landmarker(image, [landmarker.roi_from_detection(box, None) for box in boxes])
        second = landmarker(image, [landmarker.roi_from_landmarks(face) for face in first])
        return [face if face.presence >= landmarker.min_presence else None for face in second]


def _numbered(faces: ImportedFaces, step: int, first: int) -> dict[int, list[int]]:
    """Numbers of the tracks of the faces of each processed frame."""
    given = (face.track for listed in faces.by_frame.values() for face in listed)
    next_number = 1 + max((track for track in given if track is not None), default=-1)
    numbered: dict[int, list[int]] = {}
    last: Sequence[ImportedFace] = ()
    before = -1
    for frame in sorted(index for index in faces.by_frame if index >= first and not index % step):
        listed = faces.by_frame[frame]
        if frame - before > step:
            last = ()
        continued = match(listed, last)
        taken = {face.track for face in listed if face.track is not None}
        numbers = []
        for index, face in enumerate(listed):
            known = numbered[before][continued[index]] if index in continued else None
            if face.track is not None:
                number = face.track
            elif known is not None and known not in taken:
                number = known
            else:
                number, next_number = next_number, next_number + 1
            taken.add(number)
            numbers.append(number)
        numbered[frame], last, before = numbers, listed, frame
    return numbered
