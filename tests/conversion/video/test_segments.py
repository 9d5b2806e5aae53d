"""How a video is cut into segments."""

import numpy as np
import pytest

from faceswap.conversion.video.segments import FrameWindows, Segment, consecutive, plan_segments
from faceswap.media.frame import Frame
from faceswap.media.frame_table import FrameTable
from faceswap.media.video import VideoReader
from tests.footage import write_clip


def spans(table: FrameTable, length: int) -> list[tuple[int, int]]:
    return [(segment.first, segment.end) for segment in plan_segments(table, length)]


def test_segments_begin_at_key_frames():
    table = FrameTable(100, keys=(0, 12, 24, 36, 48, 60, 72, 84, 96))
    assert spans(table, 30) == [(0, 36), (36, 72), (72, 100)]
    assert spans(table, 100) == [(0, 100)]


def test_segments_have_a_fixed_length_where_key_frames_are_far_apart_or_unknown():
    assert spans(FrameTable(100), 30) == [(0, 30), (30, 60), (60, 90), (90, 100)]
    assert spans(FrameTable(100, keys=(0, 95)), 30) == [(0, 30), (30, 60), (60, 95), (95, 100)]


def test_the_frames_of_a_file_are_known_before_it_is_decoded(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", 30)
    assert FrameTable.of_file(clip) == FrameTable(30, keys=(0,))
    data = clip.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) * 2 // 3])
    cut = FrameTable.of_file(tmp_path / "cut.mp4")
    assert cut.frames == 1 + max(frame.index for frame in VideoReader(tmp_path / "cut.mp4"))
    assert not cut.keys
    assert "truncated" in cut.damage


def test_groups_have_no_gaps():
    a, b, c = Segment(0, 5), Segment(5, 9), Segment(12, 14)
    assert consecutive([a, b, c]) == [[a, b], [c]]


@pytest.mark.parametrize("lead", [0, 1, 3, 7])
def test_windows_overlap_without_sharing_pixels(lead):
    frames = [Frame(i, i, float(i), np.full((1, 1, 3), i, np.uint8)) for i in range(20) if i != 9]
    segments = [Segment(0, 5), Segment(5, 11), Segment(11, 20)]
    windows = FrameWindows(iter(frames), lead)
    for segment in segments:
        window = range(max(0, segment.first - lead), min(20, segment.end + lead))
        given = []
        for frame in windows.of(segment):
            assert int(frame.image[0, 0, 0]) == frame.index
            frame.image[:] = 255
            given.append(frame.index)
        assert given == [i for i in window if i != 9]
