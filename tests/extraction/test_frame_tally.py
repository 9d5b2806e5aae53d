"""Counts of decoded frames, by any span of them."""

import numpy as np
import pytest

from faceswap.extraction.frame_tally import FrameTally
from faceswap.media.frame import Frame

IMAGE = np.zeros((2, 2, 3), np.uint8)
DECODED = [3, 4, 5, 9, 10, 12]
FAULTY = {4, 9}


@pytest.fixture
def tally() -> FrameTally:
    tally = FrameTally()
    frames = [Frame(i, i, i / 25, IMAGE, faulty=i in FAULTY) for i in DECODED]
    assert [*tally.over(iter(frames))] == frames
    return tally


@pytest.mark.parametrize("first", range(14))
@pytest.mark.parametrize("end", [*range(15), None])
def test_spans_have_the_frames_that_were_decoded(tally, first, end):
    within = [i for i in DECODED if first <= i and (end is None or i < end)]
    assert tally.decoded(first, end) == len(within)
    assert tally.faulty(first, end) == len(FAULTY & {*within})


def test_only_frames_that_were_taken_are_counted():
    tally = FrameTally()
    frames = tally.over(Frame(i, i, i / 25, IMAGE, faulty=True) for i in range(9))
    assert (tally.decoded(0, None), tally.faulty(0, None)) == (0, 0)
    for _ in range(4):
        next(frames)
    assert (tally.decoded(1, None), tally.faulty(1, None)) == (3, 3)
