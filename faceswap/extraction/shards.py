"""Shards of the work of a command, one for each of several machines that know nothing of another.

A machine that fails is replaced by running its shard anywhere else. In an extraction, facesets that
are complete are kept, an unfinished one in the same folder is resumed.
"""

import re
from collections.abc import Sequence
from typing import TypeVar

from faceswap.core.errors import ConfigError

T = TypeVar("T")
ALL = (1, 1)
"""The only shard of a command that does all the work."""
_SHARD = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


def parse_shard(text: str) -> tuple[int, int]:
    """Parses ``I/N``: the number of a shard from 1, and the number of shards.

    Raises:
        ConfigError: It is something else.
    """
    found = _SHARD.fullmatch(text)
    number, shards = map(int, found.groups()) if found else (0, 0)
    if not 1 <= number <= shards:
        raise ConfigError(
            f"Expected --shard I/N with I from 1 to N, found {text!r}.",
            "The second of three machines takes --shard 2/3.",
        )
    return number, shards


def of_shard(sources: Sequence[T], shard: tuple[int, int]) -> list[T]:
    """Every N-th of the sources, from the I-th on: the same for all machines that see them all."""
    number, shards = shard
    return list(sources[number - 1 :: shards])
