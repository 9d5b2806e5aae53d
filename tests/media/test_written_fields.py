"""Fields of interlaced video that is written at full depth."""

import av
import pytest

from faceswap.media.encoders import VideoEncoding
from faceswap.media.filters import fields_of
from faceswap.media.video import VideoReader, probe
from faceswap.media.writer import VideoWriter
from tests.media.deep import check, convert
from tests.planes import video_planes


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.ts"])
@pytest.mark.parametrize(("order", "number"), [("tff", 2), ("bff", 3)])
def test_fields_are_kept(make_interlaced, tmp_path, name, order, number):
    source = make_interlaced(order)
    (note,) = convert(source, tmp_path / name, "libx264")
    assert "encode.deinterlace" in note
    check(source, tmp_path / name)
    assert probe(tmp_path / name).fields == order
    with av.open(str(tmp_path / name)) as container:
        if name == "a.mkv":  # whose header tells it
            assert container.streams.video[0].codec_context.field_order == number


@pytest.fixture
def make_interlaced(make_video, tmp_path):
    return lambda order: make_video(
        tmp_path / "source.mkv", frames=6, options={"flags": "+ildct+ilme"}, fields=order
    )


@pytest.mark.parametrize("order", ["tff", "bff"])
def test_fields_of_copied_pictures_are_kept(make_interlaced, tmp_path, order):
    reader = VideoReader(make_interlaced(order), full_depth=True)
    target, encoding = tmp_path / "a.mov", VideoEncoding("prores_ks")
    with VideoWriter(target, reader.info, encoding=encoding, full_depth=True) as writer:
        for frame in reader:
            writer.write(frame.copy().picture, frame.pts)
    with av.open(str(target)) as container:  # ProRes stores the order in each picture
        assert [fields_of(frame) for frame in container.decode(video=0)] == [order] * 6


def test_fields_with_an_encoder_for_whole_frames(make_interlaced, tmp_path):
    source = make_interlaced("tff")
    notes = convert(source, tmp_path / "a.mp4", "libx265")
    check(source, tmp_path / "a.mp4")
    assert any("marked in the container" in note for note in notes)


def test_deinterlaced_video_is_progressive(make_interlaced, tmp_path):
    source = make_interlaced("tff")
    assert convert(source, tmp_path / "a.mp4", "libx264", deinterlace=True) == []
    found = probe(tmp_path / "a.mp4")
    assert found.fields == ""
    assert len(video_planes(tmp_path / "a.mp4")) == 6
