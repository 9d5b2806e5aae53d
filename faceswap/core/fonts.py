"""Fonts of this machine for text in any script.

The font of charts and captions, DejaVu Sans, covers Latin, Greek, Cyrillic, Arabic and Hebrew. For
other scripts an installed font is looked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from matplotlib import font_manager

from faceswap.core.text import one_line

_DEFAULT = "DejaVu Sans"
_NO_LETTERS = ("Last Resort", ".LastResort", "Adobe Blank")  # a box for every character
_NORMAL_WEIGHT = 400


@dataclass(frozen=True)
class InstalledFont:
    """A font on this machine.

    Attributes:
        family: Name of the family.
        path: Font file.
    """

    family: str
    path: Path


@cache
def default_font() -> InstalledFont:
    """DejaVu Sans, which matplotlib contains."""
    return InstalledFont(_DEFAULT, Path(font_manager.findfont(_DEFAULT)))


def fonts_for(text: str) -> tuple[InstalledFont, ...]:
    """Fonts that together cover a text: the default font first, then as few as possible.

    What no font covers is ``uncovered``.
    """
    return _fonts(_needed(text))


def uncovered(text: str) -> str:
    """Characters that no font of this machine can show, sorted."""
    rest = _needed(text)
    for font in fonts_for(text)[1:]:
        rest -= _characters(font.path)
    return "".join(map(chr, sorted(rest)))


def drawable_names(names: Sequence[str]) -> list[str]:
    """Names for a picture; one that no font of this machine can show becomes its number.

    Returns:
        For each name itself, in one line, or ``#3`` for the third one.
    """
    lines = map(one_line, names)
    return [f"#{n}" if uncovered(line) else line for n, line in enumerate(lines, start=1)]


def numbered_names(names: Sequence[str]) -> list[str]:
    """A legend ``#3 = name`` of the names that ``drawable_names`` replaces by numbers."""
    lines = map(one_line, names)
    return [f"#{n} = {line}" for n, line in enumerate(lines, start=1) if uncovered(line)]


def _needed(text: str) -> frozenset[int]:
    """Characters that the default font lacks."""
    codes = frozenset(map(ord, text)) - frozenset(b"\n\t")
    return codes - _characters(default_font().path) if codes else codes


@lru_cache(8)
def _fonts(codes: frozenset[int]) -> tuple[InstalledFont, ...]:
    chosen = [default_font()]
    rest = set(codes)
    while rest:
        # The plainest of those that cover most.
        ranked = ((len(rest & covered), plain, font) for font, plain, covered in _installed(codes))
        count, _, best = max(ranked, key=lambda entry: entry[:2], default=(0, 0, default_font()))
        if not count:
            break
        chosen.append(best)
        rest -= _characters(best.path)
    return tuple(chosen)


@lru_cache(8)
def _installed(codes: frozenset[int]) -> tuple[tuple[InstalledFont, int, frozenset[int]], ...]:
    """Fonts with some of the characters, how plain each is, and which of them it has."""
    found = []
    for entry in font_manager.fontManager.ttflist:
        if entry.name.startswith(_NO_LETTERS):
            continue
        font = InstalledFont(entry.name, Path(entry.fname))
        covered = codes & _characters(font.path)
        if covered:
            plain = (entry.style == "normal") + (entry.weight == _NORMAL_WEIGHT)
            found.append((font, plain + ("Sans" in entry.name), covered))
    return tuple(found)


@lru_cache(4)  # tens of thousands of numbers for a font of East Asia
def _characters(path: Path) -> frozenset[int]:
    try:
        return frozenset(font_manager.get_font(path).get_charmap())
    except (OSError, RuntimeError):  # removed since matplotlib listed it, or damaged
        return frozenset()
