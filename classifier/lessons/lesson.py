"""What a lesson is: a computation, what to say about its result, and a picture of it."""

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
        topic: Its name on the command line.
        title: One line for the list of topics.
        compute: Does what the lesson is about. Keyword arguments with defaults; among them ``seed``
            where anything is random, ``data`` (a path or None) where the user's own data can be
            used, and ``on_progress`` (called with the share of the work just done) where it takes
            longer than a few seconds.
        describe: The result in a few lines of text.
        draw: The result as a picture.
    """

    topic: str
    title: str
    compute: Callable[..., R]
    describe: Callable[[R], list[str]]
    draw: Callable[[R], Figure]

    def takes(self, name: str) -> bool:
        """Whether ``compute`` has an argument of that name."""
        return name in inspect.signature(self.compute).parameters

    def run(self, seed: int, data: Path | None, on_progress: Callable[[float], None]) -> R:
        """Computes the lesson on one thread: small networks gain nothing from a second one.

        Raises:
            ConfigError: Data were given to a lesson that makes its own.
        """
        if data is not None and not self.takes("data"):
            raise ConfigError(f"The lesson {self.topic!r} takes no --data.", "Leave it out.")
        given: dict[str, Any] = {"seed": seed, "data": data, "on_progress": on_progress}
        with operator_threads(1):
            return self.compute(**{name: given[name] for name in given if self.takes(name)})

    def picture(self, result: R) -> Figure:
        """The picture, in the style that all lessons share."""
        with rc_context(STYLE):
            return self.draw(result)


def silent(_share: float) -> None:
    """Where nobody watches the progress."""
