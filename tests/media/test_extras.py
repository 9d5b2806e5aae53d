"""Tags, chapters, subtitles and the like are kept, or it is said that they are not."""

from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest

from faceswap.media.video import VideoReader
from faceswap.media.writer import VideoWriter
from tests.media.stamps import in_seconds

CHAPTERS: list[Any] = [
    {
        "id": number,
        "start": 400 * number,
        "end": 400 * (number + 1),
        "time_base": Fraction(1, 1000),
        "metadata": {"title": f"part {number}"},
    }
    for number in range(2)
]


def convert(source, target, **options):
    reader = VideoReader(source)
    with VideoWriter(target, reader.info, audio_from=source, with_extras=True, **options) as writer:
        for frame in reader:
            writer.write(frame.image, frame.pts, frame.duration)
    return writer.notes


@pytest.fixture
def rich(tmp_path):
    """A function that writes a video with everything."""

    def make(name, *, subtitles=None, timecode="", attachment=False, start=0):
        path = tmp_path / name
        with av.open(str(path), "w") as output:
            stream = output.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
            if timecode:
                stream.metadata["timecode"] = timecode
            text = output.add_mux_stream(subtitles) if subtitles else None
            if attachment:
                output.add_attachment("font.ttf", "application/x-truetype-font", b"font" * 50)
            output.metadata.update({"title": "My film", "artist": "Me", "comment": "mine"})
            output.set_chapters(CHAPTERS)
            output.start_encoding()
            if text is not None:
                packet = av.Packet(b"hello" if subtitles != "mov_text" else b"\0\5hello")
                packet.pts = packet.dts = 200
                packet.duration, packet.time_base, packet.stream = 300, Fraction(1, 1000), text
                output.mux(packet)
            for index in range(20):
                frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 9 * index, np.uint8))
                frame.pts = index
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        return path

    return make


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_tags_and_chapters_are_kept(rich, tmp_path, name, suffix):
    target = tmp_path / f"out{suffix}"
    notes = convert(rich(name), target, metadata={"comment": "synthetic"})
    assert notes == ["the comment of the file was replaced"]
    with av.open(str(target)) as container:
        tags = {key.lower(): text for key, text in container.metadata.items()}
        assert (tags["title"], tags["artist"], tags["comment"]) == ("My film", "Me", "synthetic")
        chapters = [
            (in_seconds(c["start"], c["time_base"]), c["metadata"]["title"])
            for c in container.chapters()
        ]
    assert chapters == [(0.0, "part 0"), (0.4, "part 1")]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_tags_that_are_not_unicode_are_replaced_by_ones_that_are(rich, tmp_path, name):
    source = rich(name)
    content = source.read_bytes()
    source.write_bytes(content.replace(b"film", b"f\xeelm").replace(b"part 0", b"p\xe4rt 0"))
    convert(source, tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as container:
        tags = {key.lower(): text for key, text in container.metadata.items()}
        chapters = [chapter["metadata"]["title"] for chapter in container.chapters()]
    assert tags["title"] == "My f\ufffdlm"
    assert chapters == ["p\ufffdrt 0", "part 1"]


@pytest.mark.parametrize(
    ("name", "codec", "suffix", "converted"),
    [
        ("a.mp4", "mov_text", ".mp4", ""),
        ("a.mp4", "mov_text", ".mov", ""),
        ("a.mkv", "subrip", ".mkv", ""),
        ("a.mkv", "webvtt", ".webm", ""),
        ("a.mkv", "subrip", ".mp4", "mov_text"),
        ("a.mkv", "subrip", ".webm", "webvtt"),
        ("a.mkv", "webvtt", ".mov", "mov_text"),
        ("a.mp4", "mov_text", ".mkv", "subrip"),
    ],
)
def test_subtitles(rich, tmp_path, name, codec, suffix, converted):
    target = tmp_path / f"out{suffix}"
    notes = convert(rich(name, subtitles=codec), target)
    with av.open(str(target)) as container:
        texts = [
            tuple(in_seconds(n, packet.time_base) for n in (packet.pts, packet.duration))
            for packet in container.demux(*container.streams.subtitles)
            if b"hello" in bytes(packet)
        ]
    assert texts == [(pytest.approx(0.2), pytest.approx(0.3))]
    problem = f"{suffix} does not support {codec}"
    expected = [f"subtitle stream 1 was converted to {converted}: {problem}"] if converted else []
    assert notes == expected


def test_subtitles_that_are_pictures(rich, tmp_path):
    source = rich("a.mkv", subtitles="hdmv_pgs_subtitle")
    assert convert(source, tmp_path / "out.mkv") == []
    (note,) = convert(source, tmp_path / "out.mp4")
    assert note == "subtitle stream 1 was dropped: .mp4 does not support hdmv_pgs_subtitle"


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_timecode(rich, tmp_path, suffix):
    target = tmp_path / f"out{suffix}"
    notes = convert(rich("a.mov", timecode="01:02:03:04"), target)
    with av.open(str(target)) as container:
        tags = {key.lower(): text for key, text in container.streams.video[0].metadata.items()}
        assert tags["timecode"] == "01:02:03:04"
        tracks = [s for s in container.streams.data if "timecode" in s.metadata]
    assert bool(tracks) == (suffix != ".mkv")
    assert any("timecode track" in note for note in notes) == (suffix == ".mkv")


@pytest.mark.parametrize("timecode", ["nonsense", "99:00:00:00", "01:00:00;02", "1:2:3:4\n"])
def test_a_timecode_that_no_muxer_takes(rich, tmp_path, timecode):
    source = rich("a.mkv", timecode=timecode)
    for suffix in (".mp4", ".mkv"):
        (note,) = convert(source, tmp_path / f"out{suffix}")
        assert "timecode" in note
        assert "\n" not in note


def test_attachments(rich, tmp_path):
    source = rich("a.mkv", attachment=True)
    assert convert(source, tmp_path / "out.mkv") == []
    with av.open(str(tmp_path / "out.mkv")) as container:
        (stream,) = container.streams.attachments
        assert stream.name == "font.ttf"
    assert convert(source, tmp_path / "out.mp4") == ["1 attachment was dropped"]


def test_chapters_in_any_order(rich, tmp_path):
    for start, end in ((600, 700), (100, 300), (100, 200), (10**12, 10**12 + 1)):
        chapter = {**CHAPTERS[0], "start": start, "end": end, "metadata": {"title": str(start)}}
        CHAPTERS.append(chapter)
    source = rich("a.mkv")
    del CHAPTERS[2:]
    for suffix in (".mp4", ".mkv"):
        convert(source, tmp_path / f"out{suffix}")
        with av.open(str(tmp_path / f"out{suffix}")) as container:
            starts = [in_seconds(c["start"], c["time_base"]) for c in container.chapters()]
        assert starts == sorted(set(starts))
        assert len(list(VideoReader(tmp_path / f"out{suffix}"))) == 20


def test_nothing_of_another_file_comes_along(rich, tmp_path):
    source = rich("a.mkv", attachment=True)
    reader = VideoReader(source)
    with VideoWriter(tmp_path / "out.mkv", reader.info, audio_from=source) as writer:
        for frame in reader:
            writer.write(frame.image, frame.pts)
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert not container.chapters()
        assert "title" not in container.metadata
    assert writer.notes == []


def _with_data(path, codec):
    """A video with a stream of data, one packet for each frame."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        data = output.add_data_stream(codec)
        output.start_encoding()
        for index in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 9 * index, np.uint8))
            frame.pts = index
            output.mux(stream.encode(frame))
            packet = av.Packet(f"sample {index}".encode())
            packet.pts = packet.dts = 40 * index
            packet.duration, packet.time_base, packet.stream = 40, Fraction(1, 1000), data
            output.mux(packet)
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "suffixes"),
    [
        ("a.mp4", "bin_data", [".mp4", ".mov"]),  # what GoPro cameras record
        ("a.ts", "klv", [".ts", ".m2t"]),
        ("a.ts", "timed_id3", [".ts"]),
    ],
)
def test_data_streams(tmp_path, name, codec, suffixes):
    source = _with_data(tmp_path / name, codec)
    for suffix in suffixes:
        assert convert(source, tmp_path / f"out{suffix}") == []
        with av.open(str(tmp_path / f"out{suffix}")) as container:
            (stream,) = container.streams.data
            assert stream.name == codec
            begin = container.start_time or 0
            packets = [packet for packet in container.demux(stream) if packet.size]
        assert [bytes(packet) for packet in packets] == [f"sample {n}".encode() for n in range(10)]
        times = [in_seconds(packet.pts, packet.time_base) - begin / 1e6 for packet in packets]
        assert times == pytest.approx([0.04 * n for n in range(10)], abs=0.05)


@pytest.mark.parametrize("suffix", [".mkv", ".avi", ".mpg"])
def test_data_that_a_container_does_not_hold(tmp_path, suffix):
    source = _with_data(tmp_path / "a.mp4", "bin_data")
    assert convert(source, tmp_path / f"out{suffix}") == ["1 data stream (GoPro MET) was dropped"]


def test_data_that_would_be_called_something_else(tmp_path):
    source = _with_data(tmp_path / "a.ts", "klv")
    for suffix in (".mov", ".mp4", ".m2ts"):
        assert convert(source, tmp_path / f"out{suffix}") == ["1 data stream (klv) was dropped"]
    plain = _with_data(tmp_path / "b.mp4", "bin_data")
    content = plain.read_bytes().replace(b"GoPro MET", b"CameraMET")
    plain.write_bytes(content)
    (note,) = convert(plain, tmp_path / "out.mp4")
    assert note == "1 data stream (CameraMET) was dropped"
