"""People in finished facesets: clusters all tracks anew, and keeps names."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import IdentityError
from faceswap.people.embeddings import SAME_PERSON, mean_embedding
from faceswap.people.grouping import EXACT_GROUPS, find_groups
from faceswap.people.numbering import is_number, name_groups
from faceswap.people.sketch import TrackSketch


@dataclass(frozen=True)
class People:
    """People of all tracks.

    Attributes:
        sketch: The tracks.
        names: Number or name of each person, in order of first appearance.
        of: Person of each track, ``(T,)``: an index in ``names``.
        approximate: Whether not all tracks were compared with all others.
    """

    sketch: TrackSketch
    names: list[str]
    of: NDArray[np.int64]
    approximate: bool

    def faces(self) -> NDArray[np.int64]:
        """Number of faces of each person, ``(P,)``."""
        faces = np.zeros(len(self.names), np.int64)
        np.add.at(faces, self.of, self.sketch.faces)
        return faces

    def tracks(self) -> list[NDArray[np.int64]]:
        """Tracks of each person, ascending."""
        counts = np.bincount(self.of, minlength=len(self.names))
        ordered = np.argsort(self.of, kind="stable")
        return np.split(ordered, np.cumsum(counts)[:-1]) if len(counts) else []

    def names_in(self, faceset: int) -> list[str]:
        """Number or name of the person of each track of a faceset.

        Args:
            faceset: Number of the faceset.
        """
        first, end = self.sketch.starts[faceset : faceset + 2]
        return [self.names[person] for person in self.of[first:end].tolist()]

    def similarity(self, tracks: NDArray[np.int64]) -> float:
        """Mean similarity of the faces of some tracks to the mean of the tracks."""
        embeddings = self.sketch.embeddings[tracks].astype(np.float32)
        weights = self.sketch.faces[tracks]
        return float(np.average(embeddings @ mean_embedding(embeddings), weights=weights))


def cluster(
    sketch: TrackSketch,
    names: Mapping[str, str],
    threshold: float = SAME_PERSON,
    exact_up_to: int = EXACT_GROUPS,
) -> People:
    """People of tracks, clustered anew.

    People with a name keep it, and are never merged with another name. Numbers stay with the
    cluster that has most of their faces.

    Args:
        sketch: Tracks of all facesets.
        names: New names by number or old name; people given the same name become one.
        threshold: Mean cosine similarity from which tracks are one person.
        exact_up_to: Number of groups of tracks up to which all are compared; see ``find_groups``.

    Raises:
        IdentityError: There is no person of that number or name.
    """
    _check_names(sketch, names)
    people = sketch.person_names()
    renamed = [names.get(person, person) if person is not None else None for person in people]
    chosen = {*names.values()}
    given = [
        name if name is not None and (not is_number(name) or name in chosen) else None
        for name in renamed
    ]
    found = find_groups(sketch.embeddings, sketch.faces, given, threshold, exact_up_to)
    indices: dict[str, int] = {}
    of = [
        indices.setdefault(name, len(indices))
        for name in name_groups(found.groups, sketch.faces.tolist(), renamed)
    ]
    return People(sketch, list(indices), np.array(of, np.int64), found.approximate)


def _check_names(sketch: TrackSketch, names: Mapping[str, str]) -> None:
    people = {*sketch.names}
    for old, new in names.items():
        known = ", ".join(sorted(people)) if people else "nobody yet"
        if old not in people:
            raise IdentityError(
                f"Expected a person in --name {old}={new}, found {known}.",
                "Run `faceswap faces people` without --name, and look at the contact sheets.",
            )
        if is_number(new) and new not in people:
            raise IdentityError(
                f"Expected a name in --name {old}={new}, found a number that nobody has.",
                "New numbers are given by the program.",
            )
