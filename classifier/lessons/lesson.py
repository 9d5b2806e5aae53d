"""A lesson: a computation, a text summary of its result, and a figure."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from matplotlib import rc_context
from matplotlib.figure import Figure

from classifier.lessons.figure import STYLE
from faceswap.core.errors import ConfigError
from faceswap.core.threads import operator_threads

R = TypeVar("R")


@dataclass(frozen=True)
class Lesson(Generic[R]):
    """One topic of ``classifier learn``.

    Attributes:
        topic: Name on the command line.
        title: Description in one line, for the list of topics.
        compute: Function that trains or computes the result. All arguments are keywords with
            defaults. It takes ``seed`` if anything is random, ``data`` (a path or None) if the
            user's own data can be used, and ``on_progress`` (called with the fraction of the work
            done since the last call) if it takes longer than a few seconds.
        describe: Function that summarises the result in a few lines of text.
        plot: Function that plots the result.
        synthetic: Whether the figure shows generated faces.
    """

    topic: str
    title: str
    compute: Callable[..., R]
    describe: Callable[[R], list[str]]
    plot: Callable[[R], Figure]
    synthetic: bool = False

    def takes(self, name: str) -> bool:
        """Whether ``compute`` has an argument ``name``."""
        return name in inspect.signature(self.compute).parameters

    def run(self, seed: int, data: Path | None, on_progress: Callable[[float], None]) -> R:
        """Compute the result on one thread: more do not speed up such small networks.

        Raises:
            ConfigError: ``data`` was given to a lesson that generates its own.
        """
        if data is not None and not self.takes("data"):
            raise ConfigError(
                f"The lesson {self.topic!r} generates its own data.", "Remove --data."
            )
        given: dict[str, Any] = {"seed": seed, "data": data, "on_progress": on_progress}
        with operator_threads(1):
            return self.compute(**{name: given[name] for name in given if self.takes(name)})

    def figure(self, result: R) -> Figure:
        """Plot the result in the style shared by all lessons."""
        with rc_context(STYLE):
            return self.plot(result)


def no_progress(_fraction: float) -> None:
    """Ignore progress; the default of ``on_progress``."""
