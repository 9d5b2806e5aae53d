"""Short segments, so that clips of some frames have several."""

import pytest

import faceswap.extraction.segments as segments


def cut_short(monkeypatch: pytest.MonkeyPatch, length: int, lead: int) -> None:
    """Makes segments as short as clips of tests need them.

    Args:
        monkeypatch: Fixture that undoes it.
        length: Fewest processed frames of a segment.
        lead: Processed frames that two segments track.
    """
    monkeypatch.setattr(segments, "LENGTH", length)
    monkeypatch.setattr(segments, "LEAD", lead)
