"""Stops a long job at the end of a step, or at once on the third Ctrl-C."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from faceswap.core.log import get_logger

_log = get_logger(__name__)
_PATIENCE = 3
SIGNALS = (
    signal.SIGINT,
    signal.SIGTERM,
    # Batch systems announce the end of the allotted time with it; Windows has no such signal.
    *([signal.SIGUSR1] if hasattr(signal, "SIGUSR1") else []),
)
"""Signals that stop a job."""


def _launcher() -> int | None:
    """The process that launched this one as a rank of a training; None if it was started alone.

    A training that was started alone outlives the shell it was started from (``nohup``).
    """
    launched = any(name in os.environ for name in ("LOCAL_RANK", "ACCELERATE_MIXED_PRECISION"))
    return os.getppid() if launched else None


_LAUNCHER = _launcher()  # at the start: it may end while data are prepared


@dataclass
class StopRequest:
    """Signals that this process has received.

    Attributes:
        received: Number of the first signal, or 0.
        count: Number of signals received.
        launcher: Process whose end stops this one like SIGTERM; None if there is none.
    """

    received: int = 0
    count: int = 0
    launcher: int | None = None

    @property
    def signal(self) -> int:
        """Number of the signal that stops the job, or 0."""
        if not self.received and self.launcher not in (None, os.getppid()):
            self.received = signal.SIGTERM
            _log.warning("The launcher, process %d, has ended: so does this one.", self.launcher)
        return self.received


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Records ``SIGNALS`` instead of ending the process; the job polls the result.

    A launcher forwards the same signal to its processes, so only the third Ctrl-C interrupts at
    once. Outside the main thread, where Python allows no handlers, it has no effect.
    """
    request = StopRequest(launcher=_LAUNCHER)

    def record(number: int, _frame: FrameType | None) -> None:
        request.received = request.received or number
        request.count += 1
        if number == signal.SIGINT and request.count >= _PATIENCE:
            raise KeyboardInterrupt

    before = {}
    try:
        for number in SIGNALS:
            before[number] = signal.signal(number, record)
    except ValueError:
        pass
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
