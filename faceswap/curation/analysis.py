"""Analysis of the faces of one or two sides: all that a report says, before it is written."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceswap.curation.coverage import KINDS, Coverage, Gap, compare, find_gaps
from faceswap.curation.gap_words import gap_words, nearest_words
from faceswap.curation.measured_faces import MeasuredFaces
from faceswap.curation.near_duplicates import near_duplicates
from faceswap.curation.outliers import Outlier, find_outliers
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset

_GAPS = 12
_PERCENTILES = (5, 50, 95)


@dataclass(frozen=True)
class Track:
    """A track of a video, or the faces of photos with one number.

    Attributes:
        faceset: Faceset of the track.
        number: Number of the track in the faceset.
        faces: Indices of its faces.
    """

    faceset: Faceset
    number: int
    faces: NDArray[np.int64]


@dataclass(frozen=True)
class DescribedGap:
    """A gap with its description.

    Attributes:
        gap: The gap.
        look: Description of its faces.
        nearest: Description of the nearest faces of B.
    """

    gap: Gap
    look: str
    nearest: str


@dataclass(frozen=True)
class Comparison:
    """Faces of A compared with those of B.

    Attributes:
        other: Faces of B.
        coverage: Counterparts of the faces of A.
        gaps: Groups of those that have none, the most important first.
        meshes: Whether expressions were measured on meshes.
    """

    other: MeasuredFaces
    coverage: Coverage
    gaps: Sequence[DescribedGap]
    meshes: bool


@dataclass(frozen=True)
class Analysis:
    """Findings about the faces of A.

    Attributes:
        faces: The faces of A.
        representatives: Face that each one is a near-duplicate of, itself if it is kept, ``(N,)``.
        outliers: Faces that differ from the others, the most unusual first.
        tracks: Tracks of the videos, longest first.
        people: Faces of each person; a faceset without people has none.
        comparison: Comparison with B; None if there is none.
    """

    faces: MeasuredFaces
    representatives: NDArray[np.int64]
    outliers: Sequence[Outlier]
    tracks: Sequence[Track]
    people: dict[str, NDArray[np.int64]]
    comparison: Comparison | None

    @property
    def duplicates(self) -> int:
        """Number of near-duplicates, the kept faces not counted."""
        return int((self.representatives != np.arange(len(self.faces))).sum())


def analyse(
    faces: MeasuredFaces,
    other: MeasuredFaces | None = None,
    on_faces: Callable[[int], object] = lambda _count: None,
) -> Analysis:
    """Analyses faces, and compares them with those of another person.

    Args:
        faces: Faces of A.
        other: Faces of B; None for no comparison.
        on_faces: Called with the number of faces just compared: all of A once, and once more with
            those of B.

    Raises:
        FacesetError: A faceset is damaged.
    """
    likeness = {} if faces.likeness is None else {"likeness": faces.likeness}
    found = near_duplicates(faces.looks, faces.values["sharpness"], on_faces=on_faces)
    return Analysis(
        faces,
        found,
        find_outliers(faces.values | likeness, faces.sources),
        _tracks(faces),
        _people(faces.faces),
        None if other is None else _compare(faces, other, on_faces),
    )


def _compare(
    faces: MeasuredFaces, other: MeasuredFaces, on_faces: Callable[[int], object]
) -> Comparison:
    meshes = faces.has_meshes and other.has_meshes
    first, second = faces.appearance(meshes=meshes), other.appearance(meshes=meshes)
    coverage = compare(first, second, on_faces)
    looks: dict[str, Gap] = {}
    for gap in find_gaps(first, coverage, 2 * _GAPS):
        look = gap_words(gap, first, second)
        looks[look] = looks[look].joined(gap) if look in looks else gap
    # Groups of one description are one to the reader.
    ordered = sorted(looks.items(), key=lambda item: -item[1].weight)[:_GAPS]
    gaps = [
        DescribedGap(gap, look, nearest_words(gap, first, second, other.label))
        for look, gap in ordered
    ]
    return Comparison(other, coverage, gaps, meshes)


def _tracks(faces: MeasuredFaces) -> list[Track]:
    places: dict[tuple[int, int], list[int]] = {}
    for place, (faceset, face) in enumerate(faces.pairs):
        if faceset.is_video:
            places.setdefault((id(faceset), face.track), []).append(place)
    tracks = [
        Track(faces.pairs[own[0]][0], number, np.array(own)) for (_, number), own in places.items()
    ]
    return sorted(tracks, key=lambda track: -len(track.faces))


def _people(faces: Sequence[Face]) -> dict[str, NDArray[np.int64]]:
    persons = np.array([face.person or "" for face in faces])
    counts = Counter(face.person for face in faces if face.person)
    return {person: np.flatnonzero(persons == person) for person, _ in counts.most_common()}


def as_json(analysis: Analysis) -> dict[str, Any]:
    """The numbers of an analysis as JSON."""
    faces = analysis.faces
    return {
        "facesets": [str(faceset.path) for faceset in faces.facesets],
        "faces": len(faces),
        "removed": faces.removed,
        "filled": faces.filled,
        "percentiles_5_50_95": {
            name: np.percentile(values, _PERCENTILES).round(4).tolist()
            for name, values in faces.values.items()
        },
        "people": {person: len(own) for person, own in analysis.people.items()},
        "tracks": [
            {"faceset": str(track.faceset.path), "track": track.number, "faces": len(track.faces)}
            for track in analysis.tracks
        ],
        "near_duplicates": analysis.duplicates,
        "outliers": [
            {**_named(faces, outlier.face), "reasons": list(outlier.reasons)}
            for outlier in analysis.outliers
        ],
        **(
            {"against": _comparison_json(faces, analysis.comparison)} if analysis.comparison else {}
        ),
    }


def _comparison_json(faces: MeasuredFaces, comparison: Comparison) -> dict[str, Any]:
    coverage, other = comparison.coverage, comparison.other
    return {
        "facesets": [str(faceset.path) for faceset in other.facesets],
        "faces": len(other),
        "covered": float(coverage.covered.mean().round(4)),
        "missing": {kind: int(coverage.missing(kind).sum()) for kind in KINDS},
        "gaps": [
            {
                "kind": each.gap.kind,
                "look": each.look,
                "nearest": each.nearest,
                "distance": round(each.gap.distance, 3),
                "count": len(each.gap.faces),
                "faces": [_named(faces, face) for face in each.gap.faces.tolist()],
                "nearest_faces": [_named(other, face) for face in each.gap.nearest.tolist()],
            }
            for each in comparison.gaps
        ],
    }


def _named(faces: MeasuredFaces, face: int) -> dict[str, str]:
    faceset, row = faces.pairs[face]
    return {"faceset": str(faceset.path), "image": row.image}
