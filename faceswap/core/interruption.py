"""Stops a long job at the end of a step, or at once on the third Ctrl-C."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

_PATIENCE = 3
SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Signals that stop a job."""


@dataclass
class StopRequest:
    """Signals that this process has received.

    Attributes:
        signal: Number of the first signal, or 0.
        count: Number of signals received.
    """

    signal: int = 0
    count: int = 0


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Records SIGINT and SIGTERM instead of ending the process; the job polls the result.

    A launcher forwards the same signal to its processes, so only the third Ctrl-C interrupts at
    once. Outside the main thread, where Python allows no handlers, it has no effect.
    """
    request = StopRequest()

    def record(number: int, _frame: FrameType | None) -> None:
        request.signal = request.signal or number
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
