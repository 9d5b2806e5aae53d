"""The held-out split of an identity: frames of a person, or whole people of the crowd."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceswap.data.people_split import people_of, split_identity, split_people
from faceswap.models.crowd import CROWD


@dataclass
class Set:
    source_sha256: str
    subject: dict = field(default_factory=dict)
    path: Path = Path("people", "clip")


@dataclass
class Frame:
    frame: int
    person: str | None = None


def pairs(*sets, faces=10) -> Any:
    return [(each, Frame(frame)) for each in sets for frame in range(faces)]


def numbered(*given: tuple[Set, str | None]) -> Any:
    """A face of each person in a faceset."""
    return [(faceset, Frame(0, person)) for faceset, person in given]


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


def test_people_are_numbered_alike_in_the_facesets_of_a_folder():
    one, two = Set("b", path=Path("x", "one")), Set("a", path=Path("x", "two"))
    other = Set("c", path=Path("y", "three"))
    found = people_of(numbered((one, "1"), (two, "1"), (two, "2"), (other, "1"), (other, "3")))
    assert found[0] == found[1]
    assert len({*found}) == 4
    moved = [Set(each.source_sha256, path=Path("z", each.path)) for each in (one, two)]
    assert people_of(numbered((moved[0], "1"), (moved[1], "1"), (moved[1], "2"))) == found[:3]
    named = Set("d", {"name": "dora"}, Path("x", "four"))
    assert people_of(numbered((named, "1"), (named, "2"), (named, None))) == ["dora"] * 3


def test_faces_without_a_number_are_of_the_only_person_of_their_source():
    alone, several = Set("a", path=Path("x", "one")), Set("b", path=Path("x", "two"))
    found = people_of(
        numbered((alone, None), (alone, "1"), (several, "1"), (several, "2"), (several, None))
    )
    assert found[0] == found[1] == found[2]
    assert len({*found}) == 3
    assert people_of(numbered((alone, None), (several, None))) == ["a", "b"]


def test_people_of_one_source_are_held_out_one_by_one():
    film = Set("film")
    chosen = numbered(*((film, str(number // 4)) for number in range(40)))
    held_out = split_people(chosen, 0.1)[1]
    assert len(held_out) == 4
    assert len({chosen[place][1].person for place in held_out}) == 1
