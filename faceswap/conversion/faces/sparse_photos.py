"""The faces of all photos of a folder, where a faceset has only every n-th: others are searched."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from faceswap.conversion.faces.finding import recorded_selection
from faceswap.core.errors import FacesetError
from faceswap.core.text import shell_word
from faceswap.extraction.cropping import measure
from faceswap.extraction.selection import Selector
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.record import chooses_people
from faceswap.geometry.alignment import (
    HEAD_COVERAGE,
    HeadPose,
    crop_matrix,
    transform_points,
    warp,
)
from faceswap.maskers.hull import fill_hull
from faceswap.media.frame import Frame
from faceswap.people.embeddings import SAME_PERSON, Embedding, mean_embedding
from faceswap.recognizers import Recognizer, build_recognizer
from faceswap.tracking.tracker import Tracker
from faceswap.tracking.tracks import TrackedFace

_Selected = tuple[TrackedFace, HeadPose]


def search_between(
    frames: Iterable[Frame],
    stored: Mapping[int, Sequence[TrackedFace]],
    faceset: Faceset,
    tracker: Tracker,
) -> Iterator[tuple[Frame, list[TrackedFace]]]:
    """Adds the faces of the photos between those of a faceset, by the settings of its extraction.

    Faces have to meet the conditions of the extraction. If it left out people (``--only``,
    ``--not``), or if the faceset holds a choice of the extracted faces, only people whom the
    faceset shows are kept: nothing else tells who was left out.

    Args:
        frames: Photos in order.
        stored: Faces of the faceset by index of the photo; photos without a face are absent.
        faceset: Faceset of every n-th photo.
        tracker: Detector and landmarker of the photos between.

    Raises:
        FacesetError: People decide, and the faceset does not know them.
        WeightsUnavailable: People decide, and the recognition network is not available.
    """
    extractor = faceset.record["extractor"]
    every, first, end = extractor["every"], extractor.get("first_frame"), extractor.get("end_frame")
    chooser = _Chooser(faceset)
    for frame in frames:
        if frame.index % every == 0:
            yield frame, list(stored.get(frame.index, ()))
        elif frame.index < (first or 0) or (end is not None and frame.index >= end):
            yield frame, []
        else:
            image = frame.displayed()
            yield frame, chooser.choose(image, tracker.find_faces(image))


class _Chooser:
    """Chooses among the faces of a photo as the extraction of a faceset did."""

    def __init__(self, faceset: Faceset) -> None:
        extractor = faceset.record["extractor"]
        self._extractor = extractor
        self._selection = recorded_selection(extractor)
        self._recognizer: Recognizer | None = None
        if chooses_people(faceset.record):
            self._people = _people_of(faceset)
            self._recognizer = build_recognizer()
        self._threshold = extractor.get("threshold") or SAME_PERSON

    def choose(self, image: NDArray[np.uint8], found: Sequence[TrackedFace]) -> list[TrackedFace]:
        """The faces of a photo, ``(H, W, 3) uint8 RGB``, that are swapped."""
        selector = Selector(self._selection, follows=False)
        kept = [
            (face, pose)
            for _, face, pose in selector.select(found)
            if self._selection.min_sharpness is None
            or selector.is_sharp(_sharpness(image, face, self._extractor["crop_size"]))
        ]
        kept = self._of_people(image, kept)
        if self._extractor.get("largest"):
            kept = sorted(kept, key=lambda item: item[1].scale)[-1:]
        return [face for face, _ in kept]

    def _of_people(self, image: NDArray[np.uint8], kept: Sequence[_Selected]) -> list[_Selected]:
        """Those of the faces that show a person of the faceset."""
        if self._recognizer is None or not kept:
            return list(kept)
        points = [face.landmarks.points for face, _ in kept]
        embeddings = self._recognizer([image] * len(kept), points)
        best = (embeddings @ self._people.T).max(axis=1)
        return [item for item, alike in zip(kept, best, strict=True) if alike >= self._threshold]


def _people_of(faceset: Faceset) -> NDArray[np.float32]:
    """Mean embeddings of the people of a faceset, ``(N, D)``.

    Raises:
        FacesetError: There are no embeddings.
    """
    by_person: dict[str | int, list[Embedding]] = {}
    faces = zip(faceset.faces(), faceset.embeddings(), strict=True)
    for position, (face, embedding) in enumerate(faces):
        if embedding is not None:
            by_person.setdefault(face.person or position, []).append(embedding)
    if not by_person:
        raise FacesetError(
            f"Expected people in {faceset.path}, a choice of the faces of every "
            f"{faceset.record['extractor']['every']}. photo, found none: who is left out in the "
            "photos between is unknown.",
            f"Run `faceswap faces people {shell_word(faceset.path)}`, or convert without "
            "--faceset.",
        )
    return np.stack([mean_embedding(each) for each in by_person.values()])


def _sharpness(image: NDArray[np.uint8], face: TrackedFace, size: int) -> float:
    """Sharpness of a face as the extraction measures it, within the hull of its landmarks."""
    points = face.landmarks.points
    matrix = crop_matrix(points, size, HEAD_COVERAGE)
    crop = warp(image, matrix, size)
    sharpness, _ = measure(crop, fill_hull(size, transform_points(matrix, points)))
    return sharpness
