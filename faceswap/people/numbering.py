"""Numbers people through all facesets of a folder, and keeps the names that users gave them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import FaceswapError
from faceswap.core.file_state import FileState
from faceswap.core.folders import folders_with
from faceswap.facesets.files import RECORD, ROWS
from faceswap.facesets.record import read_finished_record
from faceswap.facesets.replacement import is_being_replaced
from faceswap.facesets.rows import KEPT, each_embedding, read_rows
from faceswap.people.embeddings import SAME_PERSON
from faceswap.people.grouping import group_people


@dataclass(frozen=True)
class Known:
    """A person in a faceset.

    Attributes:
        name: Number or name.
        embedding: Mean of the embeddings of the faces, ``(D,)``; its length is at most 1.
        faces: Number of faces.
    """

    name: str
    embedding: NDArray[np.float64]
    faces: int


class Gallery:
    """People in finished facesets, and in those that are being replaced.

    Each faceset is read once, and again when it changes.
    """

    def __init__(self) -> None:
        self._read: dict[Path, tuple[FileState, list[Known]]] = {}

    def people_in(self, folder: Path, besides: Path) -> list[Known]:
        """People in each faceset of a folder; faces of nobody known are left out.

        Args:
            folder: Folder of facesets, the output of an extraction.
            besides: Faceset that is left out: the one that is being written.
        """
        others = [path for path in folders_with(RECORD, folder) if path.name != besides.name]
        return [person for faceset in others for person in self._people_of(faceset)]

    def _people_of(self, path: Path) -> list[Known]:
        rows = path / ROWS
        if not rows.is_file():
            return []  # unfinished
        state = FileState.of(rows.stat())
        if path not in self._read or self._read[path][0] != state:
            self._read[path] = state, _read_people(path)
        return self._read[path][1]


def _read_people(path: Path) -> list[Known]:
    sums: dict[str, NDArray[np.float64]] = {}
    faces: dict[str, int] = {}
    try:
        # A run replaces its facesets in any order: who was in one counts until it is finished.
        if not is_being_replaced(path):
            read_finished_record(path)
        people = read_rows(path / ROWS, KEPT)["person"].to_pylist()
        for name, embedding in zip(people, each_embedding(path / ROWS), strict=True):
            if name is not None and embedding is not None:
                sums[name] = sums.get(name, 0) + embedding.astype(np.float64)
                faces[name] = faces.get(name, 0) + 1
    except FaceswapError:
        return []  # unfinished, damaged or of a newer version: nobody to compare with
    return [Known(name, total / faces[name], faces[name]) for name, total in sums.items()]


def number_tracks(
    embeddings: NDArray[np.floating],
    faces: Sequence[int],
    known: Sequence[Known],
    threshold: float = SAME_PERSON,
) -> list[str]:
    """Person of each track of one source: one who is known, or the next number.

    Args:
        embeddings: Mean embedding of each track, ``(T, D)``, in order of appearance.
        faces: Number of faces of each track.
        known: People in the other facesets; those whose embeddings have another length than these
            cannot be compared, and only their numbers are not given to others.
        threshold: Mean cosine similarity from which two groups of faces are one person.
    """
    if not len(embeddings):
        return []
    comparable = [person for person in known if person.embedding.shape == embeddings.shape[1:]]
    everyone = np.concatenate([*(person.embedding[None] for person in comparable), embeddings])
    weights = [*(person.faces for person in comparable), *faces]
    names = [*(person.name for person in comparable), *[None] * len(faces)]
    groups = group_people(everyone, weights, names, threshold)
    others = [person.name for person in known]
    return name_groups(groups, weights, names, others)[len(comparable) :]


def name_groups(
    groups: Sequence[int],
    weights: Sequence[float],
    names: Sequence[str | None],
    others: Iterable[str] = (),
) -> list[str]:
    """Person of each member of groups: the name in its group that most faces have, or a new number.

    A name that a user gave precedes numbers, and a number goes to the group with most of its faces.

    Args:
        groups: Number of the group of each member.
        weights: Number of faces of each member.
        names: Person of each member so far, or None.
        others: Further people, whose numbers new ones do not get.
    """
    votes: dict[tuple[int, str], float] = {}
    for group, weight, name in zip(groups, weights, names, strict=True):
        if name is not None:
            votes[group, name] = votes.get((group, name), 0) + weight
    chosen: dict[int, str] = {}
    taken: set[str] = set()
    for (group, name), _ in sorted(
        votes.items(), key=lambda vote: (is_number(vote[0][1]), -vote[1])
    ):
        if group not in chosen and name not in taken:
            chosen[group] = name
            taken.add(name)
    following = next_number([*others, *(name for name in names if name is not None)])
    for group in dict.fromkeys(groups):
        if group not in chosen:
            chosen[group] = str(following)
            following += 1
    return [chosen[group] for group in groups]


def is_number(name: str) -> bool:
    """Whether a person has no name yet, but a number."""
    return name.isascii() and name.isdecimal()


def next_number(names: Iterable[str]) -> int:
    """Number of the next new person.

    It is higher than all in use, and than the number of people: that of one who got a name is not
    given to another.
    """
    people = set(names)
    return max([len(people), *(int(name) for name in people if is_number(name))], default=0) + 1
