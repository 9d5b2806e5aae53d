"""The held-out split of an identity: frames of a person, or whole people of the crowd."""

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceswap.data.sampling import split_facesets, split_held_out
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.pack import Pack
from faceswap.models.crowd import CROWD

_FEWEST_PEOPLE = 3  # to hold one of them out


def split_identity(
    name: str, pairs: Sequence[tuple[Faceset, Face]], fraction: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Splits the faces of an identity into training and held-out faces.

    Args:
        name: Name of the identity.
        pairs: Faces of the identity with their facesets.
        fraction: Fraction of the frames, or of the people of the crowd, to hold out, 0 to 0.5.

    Returns:
        Indices into ``pairs`` of the training faces and of the held-out faces.
    """
    if name == CROWD:
        return split_people(pairs, fraction)
    return split_facesets(pairs, fraction)


def split_people(
    pairs: Sequence[tuple[Faceset, Face]], fraction: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Holds out whole people: frames of a person who is trained on say nothing about strangers.

    People are those of ``people_of``. At least one person is held out, unless there are two or the
    fraction is 0. Who it is depends on the people only, not on the order of the facesets.

    Args:
        pairs: Faces with their facesets.
        fraction: Fraction of the people to hold out, 0 to 0.5.

    Returns:
        Indices into ``pairs`` of the training faces and of the held-out faces.
    """
    people = people_of(pairs)
    held_out = np.isin(people, _held_out_people(people, fraction))
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def split_packs(
    name: str, packs: Sequence[Pack], fraction: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Splits the faces of an identity in packs into training and held-out faces.

    Of the crowd whole people are held out. A pack is of the person that its subject record names,
    or else of one of its own: the faces are not read. Otherwise, and if there are fewer than three
    people, blocks of consecutive faces of each pack are held out.

    Args:
        name: Name of the identity.
        packs: Packs of the identity.
        fraction: Fraction of the faces, or of the people of the crowd, to hold out, 0 to 0.5.

    Returns:
        Indices of the training faces and of the held-out faces through all packs, ascending.
    """
    people = [pack.subject.get("name") or pack.source_sha256 for pack in packs]
    strangers = set(_held_out_people(people, fraction)) if name == CROWD else set()
    sides: tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]] = ([], [])
    first = 0
    for person, pack in zip(people, packs, strict=True):
        if strangers:
            sides[person in strangers].append(first + np.arange(pack.faces))
        else:
            for side, faces in zip(sides, split_held_out(range(pack.faces), fraction), strict=True):
                side.append(first + faces)
        first += pack.faces
    training, held_out = (np.concatenate([np.empty(0, np.int64), *side]) for side in sides)
    return training, held_out


def _held_out_people(people: Iterable[str], fraction: float) -> list[str]:
    """People to hold out; none of fewer than three."""
    known = sorted(set(people), key=lambda person: hashlib.sha256(person.encode()).hexdigest())
    count = math.ceil(fraction * len(known)) if len(known) >= _FEWEST_PEOPLE else 0
    return known[:count]


def people_of(pairs: Sequence[tuple[Faceset, Face]]) -> list[str]:
    """Which person of the crowd each face is of; moved facesets give the same names.

    Facesets whose subject records have the same name are of one person. In all others the column
    ``person`` decides, whose numbers are the same in all facesets of a folder; faces without one
    are of the only person of their source, or else of one further person.

    Args:
        pairs: Faces with their facesets.
    """
    sources: dict[tuple[Path, str], str] = {}  # the first source of each numbered person
    for faceset, face in pairs:
        if face.person is not None:
            key, source = (faceset.path.parent, face.person), faceset.source_sha256
            sources[key] = min(sources.get(key, source), source)
    numbered: dict[str, set[str]] = defaultdict(set)
    found = []
    for faceset, face in pairs:
        name = faceset.subject.get("name")
        if not name and face.person is not None:
            name = f"{sources[faceset.path.parent, face.person]}/{face.person}"
            numbered[faceset.source_sha256].add(name)
        found.append(name)
    only = {source: names.pop() for source, names in numbered.items() if len(names) == 1}
    return [
        name or only.get(faceset.source_sha256, faceset.source_sha256)
        for name, (faceset, _) in zip(found, pairs, strict=True)
    ]
