"""Registries of models, detectors, landmarkers and other components by name."""

import difflib
from collections.abc import Callable
from typing import Generic, TypeVar

from faceswap.core.errors import ConfigError

F = TypeVar("F", bound=Callable[..., object])


class Registry(Generic[F]):
    """Functions by their names.

    Args:
        kind: Kind of the entries in the singular, for error messages ("model", "detector").
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, F] = {}

    def register(self, function: F) -> F:
        """Decorator that registers a function under its name."""
        name = function.__name__  # pyright: ignore[reportFunctionMemberAccess]
        assert name not in self._entries, f"two {self.kind}s are called {name!r}"
        self._entries[name] = function
        return function

    def get(self, name: str) -> F:
        """Function with a name.

        Raises:
            ConfigError: The name is unknown; the hint suggests the nearest one.
        """
        if name in self._entries:
            return self._entries[name]
        near = difflib.get_close_matches(name, self._entries, n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        raise ConfigError(
            f"Unknown {self.kind} {name!r}.",
            f"{hint}Known {self.kind}s: {', '.join(self.names())}.",
        )

    def names(self) -> list[str]:
        """All names in alphabetical order."""
        return sorted(self._entries)
