"""Time stamps of files that a test wrote, so that none is missing."""

from faceswap.media.container import Ratio, known_ratio


def in_seconds(stamp: int | None, time_base: Ratio | None) -> float:
    """Seconds of a time stamp."""
    base = known_ratio(time_base)
    assert stamp is not None
    assert base is not None
    return float(stamp * base)
