"""The held-out split of an identity: frames of a person, or whole people of the crowd."""

import hashlib
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceswap.data.sampling import split_facesets
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
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
    known = sorted(set(people), key=lambda person: hashlib.sha256(person.encode()).hexdigest())
    count = math.ceil(fraction * len(known)) if len(known) >= _FEWEST_PEOPLE else 0
    held_out = np.isin(people, known[:count])
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


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
