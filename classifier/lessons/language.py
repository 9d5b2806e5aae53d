"""Languages of the lessons' figures: English and French."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, NamedTuple

from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

Language = Literal["en", "fr"]

_LANGUAGE: ContextVar[Language] = ContextVar("language", default="en")
_THIN = "\u202f"
"""Narrow no-break space: French groups digits with it, and sets it before a per cent sign."""


class Text(NamedTuple):
    """A text in both languages.

    Attributes:
        english: English text.
        french: French text of the same meaning.
    """

    english: str
    french: str

    def __str__(self) -> str:
        """The text in the language that is spoken."""
        return say(*self)


@contextmanager
def spoken(language: Language) -> Iterator[None]:
    """Sets the language of ``say`` and of numbers within the block."""
    token = _LANGUAGE.set(language)
    try:
        yield
    finally:
        _LANGUAGE.reset(token)


def say(english: str, french: str) -> str:
    """Returns one of two texts that mean the same, by the language that is spoken."""
    return french if _LANGUAGE.get() == "fr" else english


def number(value: float, digits: int = 0) -> str:
    """Writes a number with grouped digits, such as 1,234.5, in the language that is spoken.

    Negative numbers have a minus sign, as the axes of figures do, and not a hyphen.

    Args:
        value: Number.
        digits: Digits after the decimal mark.
    """
    text = f"{value:,.{digits}f}".replace("-", "\N{MINUS SIGN}")
    return say(text, text.replace(",", _THIN).replace(".", ","))


def percent(fraction: float, digits: int = 0) -> str:
    """Writes a fraction in per cent, such as 97.3%, in the language that is spoken."""
    text = number(100 * fraction, digits)
    return say(f"{text}%", f"{text}{_THIN}%")


def localise_ticks(figure: Figure) -> None:
    """Gives plain numbers on the axes of a figure the decimal mark of the spoken language."""
    if _LANGUAGE.get() == "en":
        return
    for axes in figure.get_axes():
        for axis in (axes.xaxis, axes.yaxis):
            if type(axis.get_major_formatter()) is ScalarFormatter:
                axis.set_major_formatter(_Comma())


class _Comma(ScalarFormatter):
    def __call__(self, x: float, pos: int | None = None) -> str:
        """The label of a tick, with a decimal comma."""
        return super().__call__(x, pos).replace(".", ",")
