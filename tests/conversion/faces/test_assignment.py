"""Which identity each track gets."""

import numpy as np
import pytest

from faceswap.conversion.faces.assignment import Assignment, SeenTrack, at_position
from faceswap.conversion.faces.targets import Rule, Targets
from faceswap.core.errors import IdentityError, NoFacesError
from faceswap.people.references import Reference

ANN, EVE, BEA = np.eye(8, dtype=np.float32)[:3]


def seen(number: int, frames: range = range(50), size: float = 50, x: float = 0.5, **known):
    return SeenTrack(number, np.array(frames), size, x, **known)


def assign(tracks: list[SeenTrack], *rules: Rule, threshold: float = 0.42) -> dict[int, str]:
    return Assignment(Targets(rules, threshold), "clip").assign(tracks)


def looks(name: str, embedding: np.ndarray, to: str) -> Rule:
    return Rule(name, to, reference=Reference(name, embedding, "a" * 16))


def mixed(near: np.ndarray, other: np.ndarray, similarity: float) -> np.ndarray:
    return (similarity * near + np.sqrt(1 - similarity**2) * other).astype(np.float32)


ALL = Rule("all", "bob")
LARGEST, LEFT = Rule("largest", "carol", position="largest"), Rule("left", "dora", position="left")


def test_everyone_gets_the_identity_of_all():
    assert assign([seen(0), seen(7)], ALL) == {0: "bob", 7: "bob"}


def test_tracks_without_a_rule_keep_their_face():
    assert assign([seen(0, size=60), seen(7)], LARGEST) == {0: "carol"}


def test_the_most_specific_rule_decides():
    tracks = [
        seen(0, size=90, x=0.1, person="anna", embedding=ANN),
        seen(1, size=80, x=0.2, person="anna", embedding=ANN),
        seen(2, size=99, x=0.3, person="2", embedding=EVE),
        seen(3, size=70, x=0.05, embedding=BEA),
        seen(4, size=60, x=0.9),
    ]
    rules = (
        ALL,
        LARGEST,
        LEFT,
        looks("eve.jpg", EVE, "eve"),
        Rule("anna", "ann", person="anna"),
        Rule("track:1", "one", track=1),
    )
    expected = {0: "ann", 1: "one", 2: "eve", 3: "dora", 4: "bob"}
    assert assign(tracks, *rules) == expected
    assert assign(tracks, *rules[::-1]) == expected


def test_the_more_similar_of_two_references_decides():
    rules = looks("ann.jpg", ANN, "a"), looks("eve.jpg", EVE, "e")
    for similarity, expected in ((0.8, "a"), (0.5, "e")):
        track = seen(0, embedding=mixed(ANN, EVE, similarity))
        assert assign([track], *rules) == {0: expected}
        assert assign([track], *rules, threshold=0.95) == {}


def test_a_person_is_judged_by_all_of_their_tracks():
    """Not track by track: one that is blurred would flicker."""
    weak = mixed(ANN, BEA, 0.4)
    assert assign([seen(0, embedding=weak)], looks("ann.jpg", ANN, "a")) == {}
    both = [seen(0, person="1", embedding=weak), seen(1, person="1", embedding=ANN)]
    assert assign(both, looks("ann.jpg", ANN, "a")) == {0: "a", 1: "a"}


@pytest.mark.parametrize(
    ("position", "expected"),
    [("largest", [1, 3]), ("left", [0, 3]), ("right", [2, 3]), ("centre", [1, 3])],
)
def test_positions_are_those_among_tracks_that_are_seen_together(position, expected):
    tracks = [
        seen(0, size=40, x=0.2),
        seen(1, size=60, x=0.45),
        seen(2, size=50, x=0.8),
        seen(3, range(60, 90), size=20, x=0.3),
    ]
    assert sorted(at_position(tracks, position)) == expected


def test_a_track_that_meets_a_larger_one_briefly_stays_the_largest():
    passes = [seen(0, range(100)), seen(1, range(40, 45), size=80)]
    assert sorted(at_position(passes, "largest")) == [0, 1]
    stays = [seen(0, range(100)), seen(1, range(20, 90), size=80)]
    assert at_position(stays, "largest") == [1]


def test_what_applies_to_nobody_is_noted_and_an_error_if_nothing_is_swapped():
    tracks = [seen(0, person="anna", embedding=ANN), seen(4)]
    rules = (
        looks("eve.jpg", EVE, "e"),
        Rule("zoe", "z", person="zoe"),
        Rule("track:9", "t", track=9),
    )
    assignment = Assignment(Targets((*rules, LARGEST)), "clip")
    assert assignment.assign(tracks) == {0: "carol"}
    assignment.check()
    assert assignment.notes() == [
        "Nobody in clip matches eve.jpg: the most similar person reaches 0.00, and the threshold "
        "is 0.42.",
        "Nobody in clip is 'zoe'. Its people: anna.",
        "There is no track 9 in clip. Its tracks: 0, 4.",
    ]
    nothing = Assignment(Targets(rules), "clip")
    assert nothing.assign(tracks) == {}
    with pytest.raises(NoFacesError, match=r"Expected faces of --map in clip, found none\. Nobody"):
        nothing.check()


def test_the_rule_for_all_others_needs_no_others():
    assignment = Assignment(Targets((LARGEST, ALL)), "clip")
    assert assignment.assign([seen(0)]) == {0: "carol"}
    assert assignment.notes() == []


def test_a_file_with_the_name_of_a_person_is_ambiguous():
    with pytest.raises(IdentityError, match="Expected one meaning of --map anna") as raised:
        assign([seen(0, person="anna", embedding=ANN)], looks("anna", EVE, "e"))
    assert raised.value.hint == "Write person:anna or ./anna."
