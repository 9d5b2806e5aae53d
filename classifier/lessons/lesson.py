"""A lesson: a computation, a text summary of its result, and a figure."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

from matplotlib import rc_context
from matplotlib.figure import Figure

from classifier.lessons.figure import STYLE, save_figure
from classifier.lessons.language import Language, Text, localise_ticks, spoken
from faceswap.core.threads import operator_threads

R = TypeVar("R")


@dataclass(frozen=True)
class Lesson(Generic[R]):
    """One topic of ``classifier learn``.

    Attributes:
        compute: Function that trains or computes the result. All arguments are keywords with
            defaults. It takes ``seed`` if anything is random, ``data`` (a path or None) if the
            user's own data can be used, and ``on_progress`` (called with the fraction of the work
            done since the last call) if it takes longer than a few seconds.
        describe: Function that summarises the result in a few lines of text.
        plot: Function that plots the result, with the texts of ``language.say``.
        caption: Text below the figure: what it shows and how to read it, for any seed.
        synthetic: Whether the figure shows generated faces.
    """

    compute: Callable[..., R]
    describe: Callable[[R], list[str]]
    plot: Callable[[R], Figure]
    caption: Text
    synthetic: bool = False

    def takes(self, name: str) -> bool:
        """Whether ``compute`` has an argument ``name``."""
        return name in inspect.signature(self.compute).parameters

    def run(self, seed: int, data: Path | None, on_progress: Callable[[float], None]) -> R:
        """Compute the result on one thread: more do not speed up such small networks."""
        given: dict[str, Any] = {"seed": seed, "data": data, "on_progress": on_progress}
        with operator_threads(1):
            return self.compute(**{name: given[name] for name in given if self.takes(name)})

    def figure(self, result: R, language: Language = "en") -> Figure:
        """Plot the result in the style shared by all lessons."""
        with rc_context(STYLE), spoken(language):
            figure = self.plot(result)
            localise_ticks(figure)
        return figure

    def save(self, result: R, target: Path | IO[bytes], language: Language = "en") -> None:
        """Save the figure of a result, with its caption, as PNG: to a path or an open file."""
        figure = self.figure(result, language)
        with spoken(language):  # the axes write their numbers when they are drawn
            save_figure(figure, target, str(self.caption), synthetic=self.synthetic)


def no_progress(_fraction: float) -> None:
    """Ignore progress; the default of ``on_progress``."""
