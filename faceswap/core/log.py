"""Logging to stderr, with the rank of the process."""

import logging
import os
import sys
from typing import TextIO

from faceswap.core.text import printable

_LONGEST = 100_000  # characters; a message may end with a traceback
_PACKAGES = ("faceswap", "classifier")


def rank() -> int:
    """Rank of this process among those started by a launcher; 0 for a single process."""
    return int(os.environ.get("RANK", "0") or "0")


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to the current ``sys.stderr``, which progress bars and tests replace."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # pyright: ignore[reportIncompatibleVariableOverride]
        return sys.stderr


class _RankFilter(logging.Filter):
    """Drops messages below warnings on ranks other than 0."""

    def filter(self, record: logging.LogRecord) -> bool:
        return rank() == 0 or record.levelno >= logging.WARNING


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = printable(super().format(record), longest=_LONGEST)
        if record.levelno >= logging.WARNING:
            text = f"{record.levelname.lower()}: {text}"
        return f"[rank {rank()}] {text}" if rank() else text


def get_logger(name: str) -> logging.Logger:
    """Logger of a module (pass ``__name__``).

    A verb that runs as a script has the name ``__main__`` and logs below ``faceswap``.
    """
    if name.partition(".")[0] not in _PACKAGES:
        name = f"faceswap.{name.strip('_')}"
    return logging.getLogger(name)


def setup_logging(verbosity: int = 0) -> None:
    """Sends the log messages of both packages to stderr; for command lines, not for libraries.

    Args:
        verbosity: Below 0: warnings; 0: info messages too; above 0: debug messages too.
    """
    level = logging.WARNING if verbosity < 0 else logging.INFO
    level = logging.DEBUG if verbosity > 0 else level
    handler = _StderrHandler()
    handler.addFilter(_RankFilter())
    handler.setFormatter(_Formatter("%(message)s"))
    for package in _PACKAGES:
        logger = logging.getLogger(package)
        logger.setLevel(level)
        logger.handlers = [handler]
