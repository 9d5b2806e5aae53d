"""The options --to and --map."""

import numpy as np
import pytest

from faceswap.conversion.faces import targets
from faceswap.conversion.faces.targets import Targets, parse_targets
from faceswap.core.errors import ConfigError, IdentityError, MediaError
from tests.people.colours import RED, Colours, write_tracks


def check(identity: str) -> None:
    if identity not in ("bob", "carol"):
        raise IdentityError(f"The model has no identity {identity!r}.")


def parse(to: str | None, *mapped: str) -> Targets:
    return parse_targets(to, mapped, check)


def test_each_form_of_faces_is_a_rule():
    found = parse("bob", "largest=carol", "track:3=carol", "person:a=b=bob", "anna=carol", "2=bob")
    kinds = [(rule.kind, rule.to) for rule in found.rules]
    assert kinds == [
        ("position", "carol"),
        ("track", "carol"),
        ("person", "bob"),
        ("person", "carol"),
        ("person", "bob"),
        ("all", "bob"),
    ]
    assert (found.rules[1].track, found.rules[2].person) == (3, "a=b")
    assert found.identities == ("carol", "bob")
    assert found.recognizer is None
    assert found.record() == {
        "rules": [
            {"faces": "largest", "to": "carol"},
            {"faces": "track:3", "to": "carol"},
            {"faces": "person:a=b", "to": "bob"},
            {"faces": "anna", "to": "carol"},
            {"faces": "2", "to": "bob"},
            {"faces": "all", "to": "bob"},
        ],
        "fade": 4,
    }


def test_references_are_loaded_and_recorded_by_their_content(tmp_path, monkeypatch):
    monkeypatch.setattr(targets, "build_recognizer", Colours)
    write_tracks(tmp_path / "clip", [[RED] * 3])
    found = parse(None, f"{tmp_path / 'clip'}=bob", f"{tmp_path / 'clip'}:track=0=carol")
    assert [rule.kind for rule in found.rules] == ["reference", "reference"]
    first, second = (rule.reference for rule in found.rules)
    assert first is not None
    assert second is not None
    np.testing.assert_allclose(first.embedding, second.embedding)
    assert found.recognizer is not None
    assert found.record() == {
        "rules": [
            {"faces": "a" * 16, "to": "bob"},
            {"faces": f"{'a' * 16}:track=0", "to": "carol"},
        ],
        "fade": 4,
        "threshold": 0.42,
        "recognizer": {},
    }


@pytest.mark.parametrize(
    ("to", "mapped", "error", "message"),
    [
        (None, [], ConfigError, "Expected --to IDENTITY or --map"),
        (None, ["largest"], ConfigError, "Expected REF=IDENTITY in --map, found 'largest'"),
        (None, ["=bob"], ConfigError, "Expected REF=IDENTITY"),
        ("eve", [], IdentityError, "no identity 'eve'"),
        ("bob", ["left=eve"], IdentityError, "no identity 'eve'"),
        ("bob", ["all=carol"], ConfigError, "Expected one identity for the faces 'all'"),
        (
            None,
            ["left=bob", "left=carol"],
            ConfigError,
            "Expected one identity for the faces 'left'",
        ),
        (None, ["track:x=bob"], IdentityError, "Expected the number of a track, found 'track:x'"),
        (None, ["person:=bob"], IdentityError, "Expected the name of a person"),
        (None, ["none.jpg=bob"], MediaError, "There is no reference none.jpg"),
        (None, ["faces/none=bob"], MediaError, "There is no reference faces/none"),
    ],
)
def test_errors_say_what_is_wrong(to, mapped, error, message, monkeypatch):
    monkeypatch.setattr(targets, "build_recognizer", Colours)
    with pytest.raises(error, match=message):
        parse(to, *mapped)
