"""TorchCodec's decoder on the CPU, which has the interface of NVDEC."""

import itertools
import struct
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from faceswap.core.errors import MediaError
from faceswap.media import nvdec_check, nvdec_video
from faceswap.media.nvdec_check import MOST_DIFFERENT, NotForNvdecError, check_video
from faceswap.media.nvdec_library import NvdecUnavailableError, load_torchcodec
from faceswap.media.nvdec_video import NvdecReader
from faceswap.media.video import VideoReader, probe
from tests.decoded_frames import differences

OPEN_GOP = "open-gop=1:scenecut=0"


@pytest.fixture(autouse=True)
def torchcodec():
    try:
        return load_torchcodec()
    except NvdecUnavailableError as error:
        pytest.skip(f"{error.reason}: {error.remedy}")


@pytest.mark.parametrize(
    "video",
    [
        {},
        {"options": {"bf": "3", "g": "8"}, "pts": [2 * i + i % 2 for i in range(30)]},
        {"rotation": 90},
        {"rotation": 180},
        {"colour": (1, 1)},
        {"colour": (6, 2)},
        {"size": (1280, 64)},  # untagged: BT.709 at this width, BT.601 for TorchCodec
        {"codec": "libvpx-vp9", "name": "a.webm"},
        {  # TorchCodec cannot seek to the last key frame
            **{"name": "a.mkv", "options": {"g": "5", "bf": "2", "x264-params": OPEN_GOP}},
            **{"pts": [2 * i - i % 2 for i in range(30)], "time_base": Fraction(1001, 30000)},
        },
    ],
    ids=str,
)
def test_frames_are_those_of_the_other_reader(make_video, tmp_path, monkeypatch, video):
    monkeypatch.setattr(nvdec_video, "_BATCH_BYTES", 7 * 3 * 96 * 64)
    path = make_video(tmp_path / video.pop("name", "a.mp4"), **video)
    checked, difference = check_video(path, "cpu")
    assert difference <= MOST_DIFFERENT
    for start in (0, 13, 29, 40):
        reader = NvdecReader(checked, start)
        assert differences(reader, VideoReader(path, start), MOST_DIFFERENT) == []
    assert (reader.total, reader.damage, reader.losses) == (30, None, [])


@pytest.mark.parametrize(
    ("video", "words"),
    [
        ({"codec": "mpeg4"}, "codec is mpeg4"),
        ({"pixel_format": "yuv444p"}, "pixel format is yuv444p"),
        ({"pixel_format": "yuv420p10le"}, "pixel format is yuv420p10le"),
        ({"colour": (9, 1)}, "matrix is number 9"),
        ({"name": "a.ts"}, "container is mpegts"),
        ({"options": {"flags": "+ilme+ildct", "x264-params": "tff=1"}}, "interlaced"),
        (
            {"options": {"x264-params": "intra-refresh=1:keyint=12:bframes=0"}},
            "decoded by themselves",
        ),
    ],
    ids=str,
)
def test_other_videos_are_refused(make_video, tmp_path, video, words):
    path = make_video(tmp_path / video.pop("name", "a.mp4"), **video)
    with pytest.raises(NotForNvdecError, match=words):
        check_video(path, "cpu")


def test_a_video_whose_colours_would_differ_is_refused(make_video, tmp_path, monkeypatch):
    path = make_video(tmp_path / "a.mp4", size=(1280, 64))
    monkeypatch.setattr(nvdec_check, "matrix_change", lambda *_: None)
    with pytest.raises(NotForNvdecError, match="colours would differ"):
        check_video(path, "cpu")


def test_other_frames_than_in_the_file_are_an_error(make_video, tmp_path):
    checked, _ = check_video(make_video(tmp_path / "a.mp4"), "cpu")
    make_video(tmp_path / "a.mp4", pts=[3 * i for i in range(30)])
    with pytest.raises(MediaError, match=r"from frame 0 on.*other time stamps") as caught:
        list(NvdecReader(checked))
    assert "--video-decoder pyav" in caught.value.hint


def test_memory_is_bounded(make_video, tmp_path, monkeypatch):
    checked, _ = check_video(make_video(tmp_path / "a.mp4"), "cpu")
    monkeypatch.setattr(nvdec_video, "_BATCH_BYTES", 5 * 3 * 96 * 64)
    images = [frame.image for frame in itertools.islice(NvdecReader(checked), 5)]
    batches = {id(image.base): np.asarray(image.base).nbytes for image in images}
    assert [*batches.values()] == [5 * 3 * 96 * 64]


IDENTITY = (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)


def mirrored(path, a, d):
    """Changes the display matrix of the track of an MP4 file, which follows that of the movie."""
    content, identity = path.read_bytes(), struct.pack(">9i", *IDENTITY)
    at = content.index(identity, content.index(identity) + 1)
    matrix = struct.pack(">9i", a << 16, *IDENTITY[1:4], d << 16, *IDENTITY[5:])
    path.write_bytes(content[:at] + matrix + content[at + len(matrix) :])
    return path


def test_mirrored_videos_come_as_from_the_other_reader_or_not_at_all(make_video, tmp_path):
    upside_down = mirrored(make_video(tmp_path / "a.mp4"), 1, -1)
    assert probe(upside_down).orientation.flip_y
    checked, _ = check_video(upside_down, "cpu")
    assert differences(NvdecReader(checked), VideoReader(upside_down), MOST_DIFFERENT) == []
    # TorchCodec takes this matrix for half a turn.
    left_right = mirrored(make_video(tmp_path / "b.mp4"), -1, 1)
    assert probe(left_right).orientation.flip_x
    with pytest.raises(NotForNvdecError, match="mirrored"):
        check_video(left_right, "cpu")


def test_a_range_that_only_the_container_has_is_refused(make_video, tmp_path, monkeypatch):
    path = make_video(tmp_path / "a.mp4", colour=(1, 1))
    info = probe(path)
    full = replace(info, colour=replace(info.colour, range=2))
    monkeypatch.setattr(nvdec_check, "probe", lambda _: full)
    with pytest.raises(NotForNvdecError, match="disagree about the range"):
        check_video(path, "cpu")
