"""Short segments, so that clips of some frames have several."""

from pathlib import Path

import pytest

import faceswap.extraction.segments as segments
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.media.sources import Source


def cut_short(monkeypatch: pytest.MonkeyPatch, length: int, lead: int) -> None:
    """Makes segments as short as clips of tests need them.

    Args:
        monkeypatch: Fixture that undoes it.
        length: Fewest processed frames of a segment.
        lead: Processed frames that two segments track.
    """
    monkeypatch.setattr(segments, "LENGTH", length)
    monkeypatch.setattr(segments, "LEAD", lead)


class KilledError(Exception):
    """The end of an extraction that is killed."""


def kill_extraction(
    source: Source, directory: Path, after: int, settings: ExtractSettings | None = None
) -> None:
    """Extracts a source until more than some frames are done.

    Args:
        source: Source.
        directory: Directory of the faceset.
        after: Number of frames.
        settings: Settings; None for the usual ones.
    """
    done = 0

    def kill(frames: int) -> None:
        nonlocal done
        done += frames
        if done > after:
            raise KilledError

    with pytest.raises(KilledError):
        extract_source(source, directory, settings or ExtractSettings(), on_frames=kill)
