"""Time stamps of files that a test wrote, so that none is missing."""

from fractions import Fraction


def in_seconds(stamp: int | None, time_base: Fraction | None) -> float:
    """Seconds of a time stamp."""
    assert stamp is not None
    assert time_base is not None
    return float(stamp * time_base)
