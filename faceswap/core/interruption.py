"""Lets a long job finish its step and save when it is told to stop."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

_PATIENCE = 3


@dataclass
class StopRequest:
    """Whether the process has been told to stop.

    Attributes:
        signal: Number of the signal, or 0.
        count: How often it came.
    """

    signal: int = 0
    count: int = 0


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Notes Ctrl-C and SIGTERM instead of dying of them; the job looks at the result each step.

    A launcher sends its processes the same signal again, so only a third Ctrl-C interrupts at once.
    Outside the main thread, where Python allows no handlers, it does nothing.
    """
    request = StopRequest()

    def note(number: int, _frame: FrameType | None) -> None:
        request.signal = request.signal or number
        request.count += 1
        if number == signal.SIGINT and request.count >= _PATIENCE:
            raise KeyboardInterrupt

    before = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, note)
    except ValueError:
        pass
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
