"""The held-out split of an identity: frames of a person, or whole people of the crowd."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from faceswap.data.people_split import split_identity, split_people
from faceswap.models.crowd import CROWD


@dataclass
class Set:
    source_sha256: str
    subject: dict = field(default_factory=dict)


@dataclass
class Frame:
    frame: int


def pairs(*sets, faces=10) -> Any:
    return [(each, Frame(frame)) for each in sets for frame in range(faces)]


def people(chosen, indices):
    return {chosen[i][0].source_sha256 for i in indices}


SETS = [Set(f"{number}") for number in range(20)]


@pytest.mark.parametrize(("fraction", "count"), [(0, 0), (0.01, 1), (0.05, 1), (0.1, 2), (0.5, 10)])
def test_whole_people_are_held_out(fraction, count):
    chosen = pairs(*SETS)
    training, held_out = split_people(chosen, fraction)
    assert sorted([*training, *held_out]) == list(range(len(chosen)))
    assert len(people(chosen, held_out)) == count
    assert people(chosen, training).isdisjoint(people(chosen, held_out))


def test_who_is_held_out_does_not_depend_on_the_order():
    chosen, turned = pairs(*SETS), pairs(*reversed(SETS))
    assert people(chosen, split_people(chosen, 0.2)[1]) == people(
        turned, split_people(turned, 0.2)[1]
    )


def test_several_facesets_of_one_person_are_on_one_side():
    sets = [Set(f"{number}", {"name": f"person {number // 4}"}) for number in range(20)]
    held_out = people(pairs(*sets), split_people(pairs(*sets), 0.2)[1])
    assert len(held_out) == 4
    assert len({int(source) // 4 for source in held_out}) == 1


def test_nobody_is_held_out_of_two():
    training, held_out = split_people(pairs(*SETS[:2]), 0.5)
    assert (len(training), len(held_out)) == (20, 0)


def test_other_identities_are_split_by_frames():
    chosen = pairs(*SETS[:3], faces=40)
    _, held_out = split_identity("alice", chosen, 0.1)
    assert people(chosen, held_out) == {"0", "1", "2"}
    assert people(chosen, split_identity(CROWD, chosen, 0.1)[1]) != {"0", "1", "2"}
    np.testing.assert_array_equal(
        split_identity(CROWD, chosen, 0.1)[1], split_people(chosen, 0.1)[1]
    )
