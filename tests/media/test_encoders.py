import itertools

import av
import numpy as np
import pytest

from faceswap.core.errors import MediaError
from faceswap.media.encoder_table import ALIASES, ENCODERS
from faceswap.media.encoders import VideoEncoding, encoder_options
from faceswap.media.video import VideoInfo, VideoReader
from faceswap.media.writer import VideoWriter


def write(path, picture, encoding, frames=4):
    width, height = 96, 64
    with VideoWriter(path, VideoInfo.for_new(width, height, 25), encoding=encoding) as writer:
        for index in range(frames):
            writer.write(picture(index, width, height), index)
    return path


def stored(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


@pytest.mark.parametrize("encoder", ["libx264", "libx265", "libvpx-vp9"])
def test_lossless_stores_the_numbers_of_ffv1(make_picture, tmp_path, encoder):
    noise = np.random.default_rng(3).integers(0, 60, (64, 96, 3), np.uint8)

    def noisy(index, width, height):
        return make_picture(index, width, height) // 2 + noise

    exact = stored(write(tmp_path / "a.mkv", noisy, VideoEncoding("ffv1")))
    found = stored(write(tmp_path / "b.mkv", noisy, VideoEncoding(encoder, lossless=True)))
    assert len(found) == len(exact) == 4
    assert all((a == b).all() for a, b in zip(exact, found, strict=True))
    lossy = stored(write(tmp_path / "c.mkv", noisy, VideoEncoding(encoder, crf=30)))
    assert any((a != b).any() for a, b in zip(exact, lossy, strict=True))


def test_a_lossless_mode_that_an_encoder_lacks(tmp_path):
    info = VideoInfo.for_new(64, 48, 25)
    with (
        pytest.raises(MediaError, match="'libsvtav1' has no lossless mode"),
        VideoWriter(tmp_path / "a.mkv", info, encoding=VideoEncoding("av1", lossless=True)),
    ):
        pass
    with (
        pytest.raises(MediaError, match="either --crf or --lossless"),
        VideoWriter(tmp_path / "a.mkv", info, encoding=VideoEncoding(crf=9, lossless=True)),
    ):
        pass


@pytest.mark.parametrize(
    ("encoder", "options"),
    [
        ("libx264", {"crf": "20"}),
        ("hevc_nvenc", {"cq": "20"}),
        ("h264_qsv", {"global_quality": "20"}),
        ("av1_amf", {"qp_i": "20", "qp_p": "20"}),
        ("hevc_videotoolbox", {"flags": "+qscale", "global_quality": str(60 * 118)}),
        ("mpeg2video", {"qmin": "20", "qmax": "20"}),
    ],
)
def test_the_rate_factor_of_each_encoder(encoder, options):
    found = encoder_options(encoder, ENCODERS[encoder], VideoEncoding(crf=20), "yuv420p")
    assert options.items() <= found.items()


@pytest.mark.parametrize("encoder", ["libx264", "libx265", "libvpx-vp9", "mpeg4", "mpeg2video"])
def test_a_higher_rate_factor_makes_a_smaller_file(make_picture, tmp_path, encoder):
    noise = np.random.default_rng(3).integers(0, 60, (64, 96, 3), np.uint8)
    sizes = []
    for crf in (2, 12, 31):
        path = tmp_path / f"{crf}.mkv"
        write(path, lambda i, w, h: make_picture(i, w, h) // 2 + noise, VideoEncoding(encoder, crf))
        sizes.append(path.stat().st_size)
    assert all(larger > 1.1 * smaller for larger, smaller in itertools.pairwise(sizes))


@pytest.mark.parametrize(("alias", "encoder"), ALIASES.items())
def test_names_of_codecs(make_picture, tmp_path, alias, encoder):
    path = tmp_path / ("a.mov" if alias == "prores" else "a.mp4")
    write(path, make_picture, VideoEncoding(alias), frames=2)
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec.canonical_name == (
            av.Codec(encoder, "w").canonical_name
        )


@pytest.mark.parametrize(
    ("pixel_format", "tag"), [("yuv422p10le", "apch"), ("yuva444p10le", "ap4h")]
)
def test_profiles_of_prores(make_picture, tmp_path, pixel_format, tag):
    encoding = VideoEncoding("prores_ks", pixel_format=pixel_format)
    write(tmp_path / "a.mov", make_picture, encoding)
    with av.open(str(tmp_path / "a.mov")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.codec_tag, (stream.codec_context.pix_fmt or "")[:7]) == (
            tag,
            pixel_format[:7],
        )
    (first, *_) = VideoReader(tmp_path / "a.mov")
    assert np.abs(first.image.astype(int) - make_picture(0, 96, 64)).mean() < 2
