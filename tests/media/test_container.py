"""Which files are opened, and which of their streams is used."""

import os
import struct
from typing import cast

import av
import numpy as np
import pytest
from av.container import InputContainer
from av.stream import Disposition

from faceswap.core.errors import MediaError
from faceswap.media.container import open_media, packets_of, video_stream
from faceswap.media.picture_table import PictureTable, UncertainPicturesError
from faceswap.media.video import VideoReader, probe

CONCAT = "ffconcat version 1.0\nfile secret.mp4\n"
HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsecret.ts\n#EXT-X-ENDLIST\n"
DASH = '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>\n'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.mp4", CONCAT),
        ("list.mp4", "file 'secret.mp4'\n"),
        ("list.mp4", "\ufeff" + CONCAT),
        ("list.mkv", HLS),
        ("list.m3u8", HLS),
        ("list.mpd", DASH),
        ("list.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 5004 RTP/AVP 96\n"),
    ],
)
def test_a_playlist_is_refused(make_video, tmp_path, name, text):
    make_video(tmp_path / "secret.mp4")
    make_video(tmp_path / "secret.ts")
    (tmp_path / name).write_text(text)
    with pytest.raises(MediaError, match="cannot be read as a video") as caught:
        VideoReader(tmp_path / name)
    assert "playlist" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("a.mov", "prores_ks", "yuv422p10le"),
        ("a.mkv", "ffv1", "yuv420p"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.mpg", "mpeg2video", "yuv420p"),
        ("a.vob", "mpeg2video", "yuv420p"),
        ("a.ts", "libx264", "yuv420p"),
        ("a.m2ts", "libx264", "yuv420p"),
        ("a.flv", "libx264", "yuv420p"),
        ("a.wmv", "wmv2", "yuv420p"),
        ("a.3gp", "libx264", "yuv420p"),
        ("a.mxf", "mpeg2video", "yuv420p"),
        ("a.gif", "gif", "rgb8"),
        ("a.y4m", "rawvideo", "yuv420p"),
        ("a.h264", "libx264", "yuv420p"),
        ("a.nut", "ffv1", "yuv420p"),
    ],
)
def test_every_video_format_is_read(make_video, tmp_path, name, codec, pixel_format):
    path = make_video(
        tmp_path / name, frames=4, codec=codec, pixel_format=pixel_format, size=(176, 144)
    )
    assert len(list(VideoReader(path))) == 4


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_special_files_are_refused(tmp_path):
    os.mkfifo(tmp_path / "a.mp4")
    for path in (tmp_path / "a.mp4", type(tmp_path)("/dev/zero")):
        with pytest.raises(MediaError, match="pipe, device"):
            probe(path)


def test_an_absurd_size_is_refused(make_video, tmp_path, monkeypatch):
    path = make_video(tmp_path / "a.avi", frames=2, codec="mpeg4")
    monkeypatch.setenv("FACESWAP_MAX_IMAGE_PIXELS", "6143")
    with pytest.raises(MediaError, match=r"at most 6143 pixels") as caught:
        probe(path)
    assert "FACESWAP_MAX_IMAGE_PIXELS" in caught.value.hint
    monkeypatch.setenv("FACESWAP_MAX_IMAGE_PIXELS", "6144")
    assert probe(path).width == 96


def test_a_size_that_only_the_header_claims(make_video, tmp_path):
    path = make_video(tmp_path / "a.gif", frames=1, codec="gif", pixel_format="rgb8")
    data = bytearray(path.read_bytes())
    data[6:10] = struct.pack("<HH", 11000, 11000)
    path.write_bytes(data)
    with pytest.raises(MediaError, match="at most 100000000 pixels"):
        probe(path)


def two_streams(path, sizes, dispositions):
    with av.open(str(path), "w") as output:
        streams = []
        for width, height in sizes:
            stream = output.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            streams.append(stream)
        for stream, disposition in zip(streams, dispositions, strict=True):
            stream.disposition = disposition
        for index in range(3):
            for stream in streams:
                image = np.full((stream.height, stream.width, 3), 60, np.uint8)
                frame = av.VideoFrame.from_ndarray(image)
                frame.pts = index
                output.mux(stream.encode(frame))
        for stream in streams:
            output.mux(stream.encode(None))
    return path


SMALL, LARGE = (96, 64), (192, 128)
DEFAULT, NONE = Disposition.default, Disposition(0)


@pytest.mark.parametrize("name", ["a.mkv", "a.ts"])
@pytest.mark.parametrize(
    ("sizes", "dispositions", "chosen"),
    [
        ((SMALL, LARGE), (NONE, NONE), LARGE),
        ((LARGE, SMALL), (NONE, NONE), LARGE),
        ((SMALL, LARGE), (DEFAULT, NONE), SMALL),
        ((SMALL, LARGE), (DEFAULT, DEFAULT), LARGE),
    ],
)
def test_the_default_or_the_largest_stream(tmp_path, name, sizes, dispositions, chosen):
    path = two_streams(tmp_path / name, sizes, dispositions)
    if name == "a.ts":  # knows no default
        chosen = LARGE
    reader = VideoReader(path)
    assert {frame.image.shape[:2] for frame in reader} == {chosen[::-1]}
    (note,) = reader.notes
    assert "2 video streams" in note
    assert f"({chosen[0]} x {chosen[1]}) is used" in note


def test_a_stream_that_appears_in_mid_file_is_left_out(make_video, tmp_path):
    """FFmpeg finds it only where it begins, too late to be known when the file is opened."""
    noise = np.random.default_rng(0).integers(0, 255, (10, 240, 320, 3), np.uint8)

    def part(name, frames, number):
        return make_video(
            tmp_path / name,
            frames=frames,
            size=(320, 240),
            options={"preset": "ultrafast", "g": "10", "qp": "0"},  # large
            picture=lambda index, *_: noise[index % 10],
            muxer={"mpegts_start_pid": number},
        ).read_bytes()

    path = tmp_path / "joined.ts"
    usual = part("usual.ts", 60, "256")
    path.write_bytes(usual + part("other.ts", 10, "300") + usual)
    assert len(list(VideoReader(path))) == 120
    assert next(iter(VideoReader(path, 110))).index == 110
    with pytest.raises(UncertainPicturesError):
        PictureTable.of_file(path)


def test_reading_goes_on_after_the_packet_of_an_unknown_stream(make_video, tmp_path):
    class Growing:
        """Takes the fourth packet for one of a stream that was not there before."""

        def __init__(self, container):
            self.container = container
            self.read = 0

        def demux(self, *streams):
            for packet in self.container.demux(*streams):
                self.read += 1
                if self.read == 4:
                    raise IndexError
                yield packet

    path = make_video(tmp_path / "a.mkv", frames=9, options={"bf": "0"})
    with open_media(path) as container:
        stream = video_stream(container, path)
        growing = cast(InputContainer, Growing(container))
        stamps = [packet.pts for packet in packets_of(growing, stream) if packet.size]
    assert stamps == [40 * i for i in range(9) if i != 3]
