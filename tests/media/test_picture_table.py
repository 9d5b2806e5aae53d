from fractions import Fraction

import pytest

from faceswap.core.errors import MediaError
from faceswap.media.picture_table import PictureTable, UncertainPicturesError
from faceswap.media.video import VideoReader


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_table_has_the_frames_of_the_reader(make_video, tmp_path, suffix):
    stamps = [3 * i + (i % 4 == 0) for i in range(30)]
    path = make_video(
        tmp_path / f"a{suffix}", pts=stamps, options={"bf": "2", "g": "10", "sc_threshold": "0"}
    )
    table, frames = PictureTable.of_file(path), list(VideoReader(path))
    assert table.pts == tuple(frame.pts for frame in frames)
    assert table.durations == tuple(frame.duration for frame in frames)
    assert table.keys == (0, 10, 20)
    assert table.key_near_middle() in (10, 20)
    assert (table.stream, table.choice) == (0, "")


def test_uncertain_files_are_refused(make_video, tmp_path):
    whole = make_video(tmp_path / "whole.mp4", muxer={"movflags": "faststart"})
    truncated = tmp_path / "truncated.mp4"
    truncated.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    hidden = make_video(tmp_path / "hidden.mp4", pts=[i - 4 for i in range(30)])
    unknown = make_video(
        tmp_path / "vp9.mp4",
        codec="libvpx-vp9",
        pts=[40 * i + i * i % 23 for i in range(30)],
        time_base=Fraction(1, 1000),
    )
    for path, words in (
        (unknown, "durations"),
        (make_video(tmp_path / "a.avi"), "no presentation time stamps"),
        (truncated, "truncated|damaged|missing"),
        (hidden, "not displayed|missing or repeated"),
    ):
        with pytest.raises(UncertainPicturesError, match=words):
            PictureTable.of_file(path)
    with pytest.raises(MediaError):
        PictureTable.of_file(tmp_path / "absent.mp4")
