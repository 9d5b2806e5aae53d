"""Moments of footage by time and by frame."""

from fractions import Fraction

import pytest

from faceswap.core.errors import ConfigError
from faceswap.extraction.moments import Moment, frame_span, parse_moment
from faceswap.media.images import write_image
from faceswap.media.sources import find_sources
from tests.footage import plain_picture, write_clip


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return find_sources(
        [write_clip(tmp_path_factory.mktemp("clips") / "a.mp4", 30, plain_picture)]
    )[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", Moment(Fraction(90), is_frame=False)),
        ("0.4", Moment(Fraction(2, 5), is_frame=False)),
        ("1:30.5", Moment(Fraction(181, 2), is_frame=False)),
        ("1:00:02", Moment(Fraction(3602), is_frame=False)),
        ("2250f", Moment(Fraction(2250), is_frame=True)),
    ],
)
def test_moments(text, expected):
    assert parse_moment(text, "--start") == expected


@pytest.mark.parametrize("text", ["90", "0.1", "3723.456789", "2250f"])
def test_a_moment_is_written_in_full(text):
    assert str(parse_moment(text, "--start")) == text


@pytest.mark.parametrize("text", ["", "-3", "1:2:3:4", "f", "2.5f", "ten", "nan"])
def test_other_moments_are_refused(text):
    with pytest.raises(ConfigError, match="--start"):
        parse_moment(text, "--start")


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, (None, None)),
        ("0.4", "0.8", (10, 20)),  # 25 frames a second
        ("0.401", "5", (11, 30)),
        ("7f", "9f", (7, 9)),
        ("0", "0.04", (0, 1)),
    ],
)
def test_spans_are_indices_of_frames(video, start, end, expected):
    moments = parse_moment(start, "--start"), parse_moment(end, "--end")
    assert frame_span(video, *moments) == expected


def test_an_empty_span_is_refused(video):
    with pytest.raises(ConfigError, match="10 to 10"):
        frame_span(video, parse_moment("10f", "--start"), parse_moment("0.4", "--end"))


def test_photos_have_no_time(tmp_path):
    write_image(tmp_path / "a.png", plain_picture(0))
    (photos,) = find_sources([tmp_path])
    assert frame_span(photos, parse_moment("0f", "--start"), None) == (0, None)
    with pytest.raises(ConfigError, match="number of a photo"):
        frame_span(photos, parse_moment("1:00", "--start"), None)
