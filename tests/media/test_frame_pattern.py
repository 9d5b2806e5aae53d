from pathlib import Path

import pytest

from faceswap.core.errors import MediaError
from faceswap.media.frame_pattern import FramePattern, is_pattern


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("out/%06d.png", "out/000012.png"),
        ("out/%d.tif", "out/12.tif"),
        ("out/shot_%04d_v2.PNG", "out/shot_0012_v2.PNG"),
    ],
)
def test_numbers_begin_at_1_as_those_of_ffmpeg(pattern, name):
    assert is_pattern(Path(pattern))
    assert FramePattern(Path(pattern)).file(11) == Path(name)


def test_files_beside_an_image():
    pattern = FramePattern(Path("out/%03d.png"))
    assert pattern.file(0, "-2") == Path("out/001-2.png")
    assert pattern.file(0, suffix=".json") == Path("out/001.json")


def test_what_is_no_pattern():
    assert not is_pattern(Path("%06d/a.png"))
    assert not is_pattern(Path("100%.mp4"))
    assert not is_pattern(Path("100%done.mp4"))
    for path in ("a.png", "%d-%d.png", "%02d/%02d.png"):
        with pytest.raises(MediaError, match="one number"):
            FramePattern(Path(path))
    with pytest.raises(MediaError, match=r"cannot be written as '\.jpg'"):
        FramePattern(Path("%06d.jpg"))
