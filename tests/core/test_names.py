"""Names from files."""

import pytest
from pydantic import TypeAdapter, ValidationError

from faceswap.core.errors import UnsafeNameError
from faceswap.core.names import FileName, Sha256Hex, check_name, plain_name, plain_names


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", ".", "..", "../x", "a/b", "/etc", "a\\b", "..\\x", "C:", "c:x", ".lock", ".."),
        *("a\0b", "a\nb", "\x1b[2J", "x\udc80", "é" * 128, "CON", "nul.png", "Lpt1", "a" * 256),
    ],
)
def test_paths_and_unusable_names_are_refused(name):
    with pytest.raises(UnsafeNameError, match=r"identity in m\.json"):
        check_name(name, "identity in m.json")
    with pytest.raises(ValidationError):
        TypeAdapter(FileName).validate_python(name)


@pytest.mark.parametrize(
    "name",
    ["anna", "Anna Müller jr.", "山田", "a..b", "con-1.png", "2024-01-01 10:00.png", "é" * 127],
)
def test_plain_names_pass(name):
    assert check_name(name, "identity") == name
    assert TypeAdapter(FileName).validate_python(name) == name


def test_hashes_are_hex():
    digits = TypeAdapter(Sha256Hex)
    assert digits.validate_python("0" * 64)
    for wrong in ("0" * 63, "G" * 64, "../" * 21 + "a", "0" * 64 + "\n"):
        with pytest.raises(ValidationError):
            digits.validate_python(wrong)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("clip", "clip"),
        ("..", "unnamed"),
        ("../../x", "_.._x"),
        ("a\\b\x1b[2J", "a_b_[2J"),
        ("C: x", "C_ x"),
        ("aux", "_aux"),
        ("\u540d" * 100, "\u540d" * 85),
    ],
)
def test_the_nearest_plain_name(text: str, plain: str) -> None:
    assert plain_name(text) == plain
    assert check_name(plain, "name") == plain


def test_texts_of_one_plain_name_get_different_names():
    names = plain_names(["Anna/B", "anna_b", "Anna_B", "Anna\\B", "bob"], ["Bob"])
    assert names == {
        "Anna_B": "Anna_B",
        "anna_b": "anna_b (2)",
        "Anna/B": "Anna_B (3)",
        "Anna\\B": "Anna_B (4)",
        "bob": "bob (2)",
    }
    long = plain_names(["x" * 300, "x" * 301])
    assert [len(name) for name in long.values()] == [255, 255]
    assert len(set(long.values())) == 2
