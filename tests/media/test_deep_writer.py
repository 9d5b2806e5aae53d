"""Videos written at full depth: what is not changed keeps its bits."""

from fractions import Fraction

import numpy as np
import pytest

from faceswap.media.video import VideoReader, probe
from tests.media.deep import check, convert
from tests.planes import video_planes

CASES = [
    ("libx264", "a.mp4", "libx264", "yuv420p", (1, 1)),
    ("libx264", "a.mp4", "libx264", "yuvj420p", (5, 2)),
    ("libx264", "a.mkv", "libx264", "yuv420p10le", (9, 1)),
    ("libx264", "a.mp4", "libx264", "yuv422p10le", (1, 1)),
    ("libx264", "a.mp4", "libx264", "yuv444p", (1, 2)),
    ("libx265", "a.mp4", "libx264", "yuv420p10le", (9, 1)),
    ("libx265", "a.mp4", "libx265", "yuv422p12le", (9, 2)),
    ("ffv1", "a.mkv", "libx264", "yuv420p", (6, 1)),
    ("ffv1", "a.mkv", "ffv1", "yuv420p10le", (9, 1)),
    ("ffv1", "a.mkv", "ffv1", "yuv444p16le", (1, 1)),
    ("ffv1", "a.mkv", "ffv1", "yuva444p10le", (1, 1)),
    ("ffv1", "a.mkv", "ffv1", "yuva420p", (1, 1)),
    ("ffv1", "a.mkv", "ffv1", "gbrp10le", (0, 2)),
    ("ffv1", "a.mkv", "ffv1", "gbrp16le", (0, 2)),
    ("ffv1", "a.mkv", "ffv1", "bgr0", (0, 2)),
    ("libvpx-vp9", "a.webm", "libvpx-vp9", "yuv420p", (1, 1)),
]


@pytest.mark.parametrize(("encoder", "name", "codec", "pixel_format", "colour"), CASES, ids=str)
def test_what_is_outside_keeps_its_bits(
    make_video, tmp_path, encoder, name, codec, pixel_format, colour
):
    source = make_video(
        tmp_path / f"source{name[1:]}",
        frames=4,
        codec=codec,
        pixel_format=pixel_format,
        colour=colour,
    )
    target = tmp_path / name
    assert convert(source, target, encoder) == []
    if pixel_format != "bgr0":  # whose unused bytes are anything
        check(source, target)
    before, after = probe(source), probe(target)
    assert after.colour == before.colour
    assert after.chroma == before.chroma


@pytest.mark.parametrize("size", [(97, 63), (96, 63), (97, 64)])
@pytest.mark.parametrize(
    ("encoder", "pixel_format"), [("ffv1", "yuv420p"), ("ffv1", "yuv420p10le")]
)
def test_odd_sizes(make_video, tmp_path, size, encoder, pixel_format):
    source = make_video(
        tmp_path / "source.mkv", frames=3, size=size, codec="ffv1", pixel_format=pixel_format
    )
    assert convert(source, tmp_path / "a.mkv", encoder) == []
    check(source, tmp_path / "a.mkv")


def test_odd_sizes_with_an_encoder_for_even_ones(make_video, tmp_path):
    source = make_video(
        tmp_path / "source.mkv", frames=3, size=(97, 63), codec="ffv1", pixel_format="yuv420p10le"
    )
    convert(source, tmp_path / "a.mp4", "libx264")
    found = probe(tmp_path / "a.mp4")
    assert (found.width, found.height, found.pixel_format) == (97, 63, "yuv444p10le")


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr(make_video, make_hdr, tmp_path, transfer):
    source = make_hdr(tmp_path / "source.mp4", transfer)
    for encoder, name in [("libx265", "a.mp4"), ("libx264", "b.mp4"), ("ffv1", "c.mkv")]:
        notes = convert(source, tmp_path / name, encoder)
        check(source, tmp_path / name)
        before, after = probe(source), probe(tmp_path / name)
        assert after.colour == before.colour
        assert after.colour.transfer == transfer
        assert "tone mapped" in notes[0]
        if encoder == "ffv1":
            assert any("light metadata" in note for note in notes) == (transfer == 16)
        else:
            assert not any("bits" in note for note in notes)
            assert after.light == before.light


@pytest.fixture
def make_hdr(make_video):
    def make(path, transfer):
        light = (
            "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)"
            "L(10000000,50):max-cll=1000,400:"
        )
        return make_video(
            path,
            frames=4,
            codec="libx265",
            pixel_format="yuv420p10le",
            colour=(9, 1),
            options={
                "x265-params": f"{light if transfer == 16 else ''}log-level=error",
                "color_trc": str(transfer),
                "color_primaries": "9",
            },
        )

    return make


@pytest.mark.parametrize("rotation", [90, 180, -90])
@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "yuv420p", "yuv444p"])
def test_phone_video_is_written_upright(make_video, tmp_path, rotation, pixel_format):
    source = make_video(
        tmp_path / "source.mov", frames=3, rotation=rotation, pixel_format=pixel_format
    )
    assert convert(source, tmp_path / "a.mp4", "libx264", change=False) == []
    found = probe(tmp_path / "a.mp4")
    assert found.rotation == 0
    assert found.pixel_format == pixel_format
    upright = rotation // 90
    exact = rotation != 180 or pixel_format == "yuv444p"  # there, chroma moves by half a pixel
    for (_, old), (_, new) in zip(
        video_planes(source), video_planes(tmp_path / "a.mp4"), strict=True
    ):
        assert np.array_equal(np.rot90(old[0], upright), new[0])
        for one, two in zip(old[1:], new[1:], strict=True):
            change = np.abs(np.rot90(one, upright) - two)
            assert change.max() <= (0 if exact else 4 << (2 * ("10" in pixel_format)))


@pytest.mark.parametrize("rotation", [90, -90])
def test_chroma_that_an_encoder_cannot_place_moves(make_video, tmp_path, rotation):
    source = make_video(tmp_path / "source.mov", frames=3, rotation=rotation)
    assert convert(source, tmp_path / "a.mkv", "libsvtav1", change=False, lossless=False) == []
    before = [frame.picture.read(4, 4, 60, 60) for frame in VideoReader(source, full_depth=True)]
    after = [
        frame.picture.read(4, 4, 60, 60)
        for frame in VideoReader(tmp_path / "a.mkv", full_depth=True)
    ]
    tint = np.mean(np.stack(after) - np.stack(before), (0, 1, 2))
    assert np.abs(tint).max() < 0.004


def test_pixel_shape_and_times_are_kept(make_video, tmp_path):
    pts = [0, 7, 9, 30, 31, 60]
    source = make_video(
        tmp_path / "source.mp4",
        frames=6,
        pts=pts,
        time_base=Fraction(1, 600),
        muxer={"video_track_timescale": "600"},
        options={"aspect": "4:3"},
    )
    convert(source, tmp_path / "a.mp4", "libx264")
    found = VideoReader(tmp_path / "a.mp4")
    assert [frame.pts for frame in found] == pts
    assert found.info.pixel_aspect == probe(source).pixel_aspect
