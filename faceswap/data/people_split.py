"""The held-out split of an identity: frames of a person, or whole people of the crowd."""

import hashlib
import math
from collections.abc import Sequence

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

    Facesets are of one person if their subject records have the same name, or they are of the same
    source. At least one person is held out, unless there are two or the fraction is 0. Who it is
    depends on the people only, not on the order of the facesets.

    Args:
        pairs: Faces with their facesets.
        fraction: Fraction of the people to hold out, 0 to 0.5.

    Returns:
        Indices into ``pairs`` of the training faces and of the held-out faces.
    """
    people = [_person(faceset) for faceset, _ in pairs]
    known = sorted(set(people), key=lambda person: hashlib.sha256(person.encode()).hexdigest())
    count = math.ceil(fraction * len(known)) if len(known) >= _FEWEST_PEOPLE else 0
    held_out = np.isin(people, known[:count])
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _person(faceset: Faceset) -> str:
    return faceset.subject.get("name") or faceset.source_sha256
