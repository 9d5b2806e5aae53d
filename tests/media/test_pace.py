"""The pace of a video."""

from fractions import Fraction

import pytest

from faceswap.core.errors import MediaError
from faceswap.media import pace
from faceswap.media.pace import read_pace


def test_a_file_is_read_once_until_it_changes(make_video, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(pace, "open_media", _counting(pace.open_media, opened))
    path = make_video(tmp_path / "a.mkv", frames=5)
    assert [read_pace(path).tick for _ in range(3)] == [Fraction(1, 25)] * 3
    assert opened == [path]
    make_video(path, frames=5, pts=[0, 1, 2, 9, 10])
    assert not read_pace(path).steady
    assert opened == [path] * 2


def test_an_error_is_not_remembered(make_video, tmp_path):
    with pytest.raises(MediaError):
        read_pace(tmp_path / "a.mkv")
    assert read_pace(make_video(tmp_path / "a.mkv", frames=5)).steady


def _counting(function, calls):
    def call(path):
        calls.append(path)
        return function(path)

    return call
