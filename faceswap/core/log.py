"""Log lines on stderr that know which process of several they come from."""

import logging
import os
import sys
from typing import TextIO

_PACKAGES = ("faceswap", "classifier")


def rank() -> int:
    """This process's number among those that a launcher started together; 0 when alone."""
    return int(os.environ.get("RANK", "0") or "0")


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to what ``sys.stderr`` is now: progress bars and tests put another in its place."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # pyright: ignore[reportIncompatibleVariableOverride]
        return sys.stderr


class _RankFilter(logging.Filter):
    """Lets only rank 0 say what all ranks would say alike."""

    def filter(self, record: logging.LogRecord) -> bool:
        return rank() == 0 or record.levelno >= logging.WARNING


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if record.levelno >= logging.WARNING:
            text = f"{record.levelname.lower()}: {text}"
        return f"[rank {rank()}] {text}" if rank() else text


def get_logger(name: str) -> logging.Logger:
    """The logger of a module (pass ``__name__``).

    A verb that runs as a script is called ``__main__``; it logs below ``faceswap`` all the same.
    """
    if name.partition(".")[0] not in _PACKAGES:
        name = f"faceswap.{name.strip('_')}"
    return logging.getLogger(name)


def setup_logging(verbosity: int = 0) -> None:
    """Sends the packages' log lines to stderr; called by the command line, never by a library.

    Args:
        verbosity: Below 0: warnings only; 0: progress as well; above 0: everything.
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
