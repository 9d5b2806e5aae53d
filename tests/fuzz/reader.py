"""A reader with a valid file to start from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.mutation import (
    Mutation,
)


@dataclass(frozen=True)
class Reader:
    """A file that is read.

    Attributes:
        file: File that is changed.
        mutation: Kind of the changes.
        read: Function that reads it.
    """

    file: Path
    mutation: Mutation
    read: Callable[[], object]
