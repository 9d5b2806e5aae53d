"""Fields of docstrings are noun phrases: ``lr: Learning rate.``, not ``lr: How fast it learns.``"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("classifier", "faceswap")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

_FIELD = re.compile(r"\s*\*{0,2}[a-z_]\w*(?: \([^)]*\))?: (?P<text>\S.*)")
_STARTS = (
    "Which",
    "Where",
    "Whose",
    "What",
    "Who",
    "Whom",
    "How",
    "Of",
    "The same",
    "As",
    "Its",
    "Why",
)
_NOT_A_NOUN_PHRASE = re.compile(rf"(?:{'|'.join(_STARTS)})\b")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def docstring_fields(source: str) -> Iterator[str]:
    """Lines ``name: text`` of all docstrings."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, _DOCUMENTED):
            for line in (ast.get_docstring(node) or "").splitlines():
                if _FIELD.fullmatch(line):
                    yield line.strip()


def starts_badly(field: str) -> bool:
    match = _FIELD.fullmatch(field)
    return bool(match and _NOT_A_NOUN_PHRASE.match(match["text"]))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_fields_are_noun_phrases(path: Path) -> None:
    fields = docstring_fields(path.read_text("utf-8"))
    assert [field for field in fields if starts_badly(field)] == []


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("lr: Learning rate.", False),
        ("lr: How fast it learns.", True),
        ("device: Where they run.", True),
        ("**options: As for ``build``.", True),
        ("faces: Assigned faces.", False),
    ],
)
def test_the_rule(field: str, bad: bool) -> None:
    assert starts_badly(field) is bad
