from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from faceswap.core.errors import MediaError
from faceswap.demonstration.side_by_side import Panel, picture_grid, write_side_by_side
from faceswap.media.captions import titled
from faceswap.media.sound import write_sound
from faceswap.media.video import VideoInfo, VideoReader
from faceswap.media.writer import VideoWriter


def clip(path: Path, frames: int, colour: tuple[int, int, int]) -> Panel:
    """A clip of one colour that grows brighter by 4 levels a frame."""
    with VideoWriter(path, VideoInfo.for_new(96, 64, Fraction(25))) as writer:
        for index in range(frames):
            image = np.full((64, 96, 3), colour, np.uint8) + np.uint8(4 * index)
            writer.write(image, index)
    return Panel(path, path.stem)


def test_clips_are_synchronised(tmp_path):
    panels = [
        [
            clip(tmp_path / "red.mp4", 9, (150, 30, 30)),
            clip(tmp_path / "green.mp4", 7, (30, 150, 30)),
        ],
        [
            clip(tmp_path / "blue.mp4", 8, (30, 30, 150)),
            clip(tmp_path / "grey.mp4", 8, (90, 90, 90)),
        ],
    ]
    write_sound(tmp_path / "s.m4a", np.sin(np.arange(12_000) / 5), 44_100)
    counted = []
    count = write_side_by_side(
        panels,
        tmp_path / "all.mp4",
        sound=tmp_path / "s.m4a",
        metadata={"comment": "made here"},
        on_frames=counted.append,
    )
    assert count == 7 == sum(counted)
    reader = VideoReader(tmp_path / "all.mp4")
    frames = [frame.image for frame in reader]
    assert reader.info.audio_streams == 1
    assert len(frames) == 7
    assert frames[0].shape == (128, 192, 3)
    for index, frame in enumerate(frames):
        step = 4 * index
        assert np.abs(frame[20, 40].astype(int) - (150 + step, 30 + step, 30 + step)).max() < 8
        assert np.abs(frame[20, 140].astype(int) - (30 + step, 150 + step, 30 + step)).max() < 8
        assert np.abs(frame[90, 40].astype(int) - (30 + step, 30 + step, 150 + step)).max() < 8


def test_failure_leaves_no_file(tmp_path):
    panel = clip(tmp_path / "red.mp4", 4, (150, 30, 30))
    (tmp_path / "bad.mp4").write_text("not a video")
    with pytest.raises(MediaError):
        write_side_by_side([[panel, Panel(tmp_path / "bad.mp4", "bad")]], tmp_path / "all.mp4")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bad.mp4", "red.mp4"]


def test_grid_has_a_row_per_frame_and_a_column_per_clip(tmp_path):
    columns = [
        clip(tmp_path / "red.mp4", 9, (150, 30, 30)),
        clip(tmp_path / "green.mp4", 9, (30, 150, 30)),
    ]
    grid = picture_grid(columns, [8, 0, 4], side=48)
    assert grid.shape == (3 * 32, 2 * 48, 3)
    reds = [int(grid[row * 32 + 10, 20, 0]) for row in range(3)]
    assert np.abs(np.array(reds) - [182, 150, 166]).max() < 8
    assert grid[74, 70, 1] > grid[74, 70, 0] + 80


def test_title_fits_and_does_not_modify_the_image():
    image = np.full((100, 120, 3), 200, np.uint8)
    shown = titled(image, "a title that is much too long for so small a picture")
    assert (image == 200).all()
    assert (shown[:80] == 200).all()
    bar = shown[-10:].max(axis=(0, 2))
    assert bar[:60].max() > 150  # there is writing
    assert bar[-2:].max() < 80  # and it ends before the edge
