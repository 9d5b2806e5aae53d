"""Counts of decoded frames, by any span of them."""

from collections.abc import Iterator

import numpy as np
import pytest

from faceswap.extraction.frame_tally import FrameTally, processed
from faceswap.media.frame import Frame
from faceswap.media.photos import ImageReader

IMAGE = np.zeros((2, 2, 3), np.uint8)
DECODED = [3, 4, 5, 9, 10, 12]
FAULTY = {4, 9}


class BrokenVideo:
    """Reader that lacks frames, and says so."""

    total, damage, notes, losses = 13, "broken", (), ()

    def __iter__(self) -> Iterator[Frame]:
        return (Frame(i, i, i / 25, IMAGE) for i in DECODED)


@pytest.fixture
def tally() -> FrameTally:
    tally = FrameTally(ImageReader([]))
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
    tally = FrameTally(ImageReader([]))
    frames = tally.over(Frame(i, i, i / 25, IMAGE, faulty=True) for i in range(9))
    assert (tally.decoded(0, None), tally.faulty(0, None)) == (0, 0)
    for _ in range(4):
        next(frames)
    assert (tally.decoded(1, None), tally.faulty(1, None)) == (3, 3)


def test_frames_before_the_first_one_are_only_read(tally):
    frames = (Frame(i, i, i / 25, IMAGE) for i in range(20, 40))
    chosen = processed(tally.over(frames), 3, 25, 34)
    assert [frame.index for frame in chosen] == [27, 30, 33]
    assert tally.decoded(20, 25) == 5


@pytest.mark.parametrize(("end", "damage"), [(None, "broken"), (13, "broken"), (12, ""), (5, "")])
def test_damage_is_unknown_if_frames_after_a_span_are_read(end, damage):
    tally = FrameTally(BrokenVideo())
    assert [frame.index for frame in tally.over(BrokenVideo())] == DECODED
    assert tally.damage(end) == damage
