"""Videos that were written in pieces, against the same video written at once."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from faceswap.core.errors import MediaError
from faceswap.media.encoders import VideoEncoding
from faceswap.media.joining import Piece, join_videos
from faceswap.media.movie_file import OtherContent
from faceswap.media.video import VideoInfo, VideoReader, probe
from faceswap.media.writer import VideoWriter
from tests.footage import moving_portrait, write_clip

CUTS = (0, 13, 14, 17, 30)  # one of the pieces has a single frame
LAST = 2222  # duration of the last frame
INFO = replace(VideoInfo.for_new(256, 256, Fraction(30000, 1001)), time_base=Fraction(1, 90000))
STEADY = [*range(0, 30 * 3003, 3003)]
VARIABLE = [0, *np.cumsum(np.random.default_rng(0).integers(500, 6000, 29)).tolist()]
FORMATS = [
    (".mp4", "libx264"),
    (".mp4", "libx265"),
    (".mp4", "libsvtav1"),
    (".mov", "prores_ks"),
    (".mkv", "libx264"),
    (".ts", "libx264"),
    (".flv", "libx264"),
    (".mkv", "ffv1"),
    (".webm", "libvpx-vp9"),
]


def write(path: Path, pts: list[int], first: int, end: int, encoding: VideoEncoding) -> Piece:
    with VideoWriter(path, INFO, encoding=encoding) as writer:
        for index in range(first, end):
            duration = LAST if index == len(pts) - 1 else 0
            writer.write(moving_portrait(index), pts[index], duration)
    return Piece(path, pts[first:end])


def write_pieces(folder: Path, suffix: str, encoder: str, pts: list[int]) -> list[Piece]:
    encoding = VideoEncoding(encoder)
    return [
        write(folder / f"{first}{suffix}", pts, first, end, encoding)
        for first, end in pairwise(CUTS)
    ]


def stamps(path: Path) -> tuple[list[Any], list[Any], str, Fraction | None]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        tag = stream.codec_context.codec_tag
        return [p.pts for p in packets], [p.dts for p in packets], tag, stream.average_rate


@pytest.mark.parametrize("pts", [STEADY, VARIABLE], ids=["steady", "variable"])
@pytest.mark.parametrize(("suffix", "encoder"), FORMATS)
def test_a_joined_video_has_the_frames_of_its_pieces_at_exact_times(tmp_path, suffix, encoder, pts):
    pieces = write_pieces(tmp_path, suffix, encoder, pts)
    write(tmp_path / f"whole{suffix}", pts, 0, 30, VideoEncoding(encoder))
    joined = tmp_path / f"out{suffix}"
    assert join_videos(joined, pieces, INFO, LAST, OtherContent()) == []
    ours, theirs = stamps(joined), stamps(tmp_path / f"whole{suffix}")
    assert sorted(ours[0]) == sorted(theirs[0])
    assert ours[2] == theirs[2]
    if pts is STEADY:
        assert ours[3] == theirs[3]
    pairs = [(shown, dts) for shown, dts in zip(*ours[:2], strict=True) if None not in (shown, dts)]
    assert pairs or suffix == ".mkv"  # which stores no decoding time stamps
    assert (np.diff([dts for _, dts in pairs]) > 0).all()
    assert all(dts <= shown for shown, dts in pairs)
    reader, whole = VideoReader(joined), probe(tmp_path / f"whole{suffix}")
    assert reader.info.duration == whole.duration
    apart = (frame for piece in pieces for frame in VideoReader(piece.path))
    for index, (frame, same) in enumerate(zip(reader, apart, strict=True)):
        np.testing.assert_array_equal(frame.image, same.image)
        exact = frame.pts * reader.info.time_base - pts[index] * INFO.time_base
        assert abs(exact) <= (0 if suffix in (".mp4", ".mov") else Fraction(1, 2000))
    assert reader.damage is None


def test_audio_and_tags_are_those_of_the_other_file(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", 30)
    pieces = write_pieces(tmp_path, ".mp4", "libx264", STEADY)
    join_videos(tmp_path / "out.mp4", pieces, INFO, LAST, OtherContent({"note": "made"}, clip))

    def sound(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux(audio=0) if packet.size]

    assert sound(tmp_path / "out.mp4") == sound(clip)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.metadata["note"] == "made"


def test_pieces_that_do_not_belong_together_are_refused(tmp_path):
    one = write(tmp_path / "1.mp4", STEADY, 0, 5, VideoEncoding())
    two = write(tmp_path / "2.mp4", STEADY, 5, 9, VideoEncoding(options={"profile": "baseline"}))
    with pytest.raises(MediaError, match=r"2\.mp4 was encoded with other parameters"):
        join_videos(tmp_path / "out.mp4", [one, two], INFO, LAST, OtherContent())
    with pytest.raises(MediaError, match="Expected 6 frames"):
        join_videos(tmp_path / "out.mp4", [Piece(one.path, STEADY[:6])], INFO, LAST, OtherContent())
    assert not (tmp_path / "out.mp4").exists()
