"""Plays the part of the tracker with faces that another program found."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from faceswap.core.documents import DocumentModel, Finite, check_schema
from faceswap.core.errors import FacesetError
from faceswap.extraction.imported_faces import ImportedFace, ImportedFaces
from faceswap.facesets.files import EXTRACT_AGAIN
from faceswap.facesets.record import IMPORTED
from faceswap.landmarkers import FaceLandmarks, Landmarker
from faceswap.media.frame import Frame
from faceswap.tracking.tracks import TrackedFace, match


class ImportedTracker:
    """Yields imported faces; finds their landmarks where only boxes were imported.

    A face without the number of a track continues that of the last frame's face whose box it
    overlaps most.

    Args:
        faces: Imported faces of the source.
        landmarker: Landmarker for faces without landmarks; None if all have some.
    """

    def __init__(self, faces: ImportedFaces, landmarker: Landmarker | None) -> None:
        self.faces = faces
        self.landmarker = landmarker
        self._last: list[_Placed] = []
        given = (face.track for listed in faces.by_frame.values() for face in listed)
        self._next_number = 1 + max((track for track in given if track is not None), default=-1)

    @property
    def weights(self) -> tuple[str, ...]:
        """Names of the weights that the landmarks depend on."""
        return () if self.landmarker is None else tuple(self.landmarker.weights)

    def record(self) -> dict[str, str]:
        """Entries of the extractor's record: who found the faces, and the hash of what it found."""
        found = {"detector": IMPORTED, "imported": self.faces.sha256()}
        return found if self.landmarker is not None else found | {"landmarker": IMPORTED}

    def track(
        self, frames: Iterable[Frame], kind: str
    ) -> Iterator[tuple[Frame, list[TrackedFace]]]:
        """Yields each frame with its faces, as ``tracking.finder.track_faces`` does."""
        for frame in frames:
            given = self.faces.by_frame.get(frame.index, ())
            located = self._located(frame, given)
            kept = [pair for pair in zip(given, located, strict=True) if pair[1] is not None]
            numbers = self._numbers([face for face, _ in kept], kind)
            yield (
                frame,
                [
                    TrackedFace(number, face.box, face.score, landmarks)
                    for number, (face, landmarks) in zip(numbers, kept, strict=True)
                    if landmarks is not None
                ],
            )

    def state(self) -> dict[str, Any]:
        """State as JSON values, for ``restore``."""
        last = [[placed.track, *map(float, placed.box)] for placed in self._last]
        return {"next_number": self._next_number, "last": last}

    def restore(self, state: Any) -> None:
        """Resumes from ``state()``.

        Raises:
            FacesetError: The state is damaged.
        """
        where = "The state of the unfinished extraction"
        check_schema(state, _State, where, FacesetError, EXTRACT_AGAIN)
        self._next_number = state["next_number"]
        self._last = [
            _Placed(int(track), np.array(box, np.float32)) for track, *box in state["last"]
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

    def _numbers(self, faces: Sequence[ImportedFace], kind: str) -> list[int]:
        if kind == "images":
            return list(range(len(faces)))
        continued = match(faces, self._last)
        taken = {face.track for face in faces if face.track is not None}
        numbers = []
        for index, face in enumerate(faces):
            last = self._last[continued[index]].track if index in continued else None
            if face.track is not None:
                number = face.track
            elif last is not None and last not in taken:
                number = last
            else:
                number = self._next_number
                self._next_number += 1
            taken.add(number)
            numbers.append(number)
        self._last = [_Placed(n, face.box) for n, face in zip(numbers, faces, strict=True)]
        return numbers


class _Placed:
    """A face of the last frame: number of its track, and its box."""

    def __init__(self, track: int, box: NDArray[np.float32]) -> None:
        self.track = track
        self.box = box


class _State(DocumentModel):
    next_number: int
    last: list[Annotated[list[Finite], Field(min_length=5, max_length=5)]]
