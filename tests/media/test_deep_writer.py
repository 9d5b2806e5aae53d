"""Videos written at full depth: what is not changed keeps its bits."""

from fractions import Fraction

import av
import numpy as np
import pytest

from faceswap.core.errors import MediaError
from faceswap.media.encoders import VideoEncoding
from faceswap.media.filters import fields_of
from faceswap.media.output_format import choose_deep_format
from faceswap.media.picture import RgbPicture
from faceswap.media.pixel_layout import pixel_layout
from faceswap.media.video import VideoReader, probe
from faceswap.media.writer import VideoWriter
from tests.planes import video_planes

FACE = (slice(20, 44), slice(30, 62))  # rows and columns that are changed
CHANGE = np.full((24, 32, 3), (0.1, -0.08, 0.05), np.float32)


def convert(source, target, encoder, *, change=True, **wishes):
    """Writes a video over with a change in its middle, without loss by default."""
    reader = VideoReader(source, full_depth=True, deinterlace=wishes.pop("deinterlace", False))
    wishes.setdefault("lossless", True)
    encoding = VideoEncoding(encoder, **wishes)
    with VideoWriter(target, reader.info, encoding=encoding, full_depth=True) as writer:
        for frame in reader:
            if change:
                frame.picture.add(FACE[1].start, FACE[0].start, CHANGE)
            writer.write(frame.picture, frame.pts, frame.duration)
    return [*reader.notes, *reader.losses, *writer.notes]


def outside(plane, shape):
    """Mask of the values whose pixels are all outside of the change."""
    height, width = shape
    down, across = -(-height // plane.shape[0]), -(-width // plane.shape[1])
    mask = np.ones(plane.shape, bool)
    rows, columns = FACE
    # Chroma may be that of the pixels beside its own.
    mask[
        rows.start // down - (down > 1) : (rows.stop - 1) // down + down,
        columns.start // across - (across > 1) : (columns.stop - 1) // across + across,
    ] = False
    return mask


def check(source, target):
    before, after = video_planes(source), video_planes(target)
    assert len(before) == len(after)
    for (name, old), (other, new) in zip(before, after, strict=True):
        assert other.replace("yuvj", "yuv") == name.replace("yuvj", "yuv")
        for index, (one, two) in enumerate(zip(old, new, strict=True)):
            mask = outside(one, old[0].shape)
            assert np.array_equal(one[mask], two[mask])
            if index == 0:
                assert (one != two)[~mask].mean() > 0.9


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


@pytest.mark.parametrize(
    ("encoder", "name", "pixel_format", "expected", "words"),
    [
        ("libsvtav1", "a.mp4", "yuv420p10le", "yuv420p10le", []),
        ("libsvtav1", "a.mp4", "yuv422p10le", "yuv420p10le", ["4:2:2 to 4:2:0"]),
        ("libsvtav1", "a.mp4", "yuv444p12le", "yuv420p10le", ["12 bits", "4:4:4 to 4:2:0"]),
        ("libx264", "a.mp4", "yuv420p12le", "yuv420p10le", ["12 bits"]),
        ("prores_ks", "a.mov", "yuv420p", "yuv422p10le", []),
        ("prores_ks", "a.mov", "yuv444p10le", "yuv444p12le", []),
        ("prores_ks", "a.mov", "yuva444p10le", "yuva444p12le", []),
        ("libvpx-vp9", "a.webm", "yuv420p10le", "yuv420p", ["10 bits"]),
        ("libx264", "a.mp4", "bgr0", "yuv420p", ["RGB"]),
        ("libx264", "a.mp4", "gray", "yuv420p", []),
        ("libx264", "a.mp4", "gray10le", "yuv420p10le", []),
        ("mpeg2video", "a.ts", "yuv422p10le", "yuv422p", ["10 bits"]),
    ],
)
def test_the_nearest_format(make_video, tmp_path, encoder, name, pixel_format, expected, words):
    source = make_video(
        tmp_path / "source.mkv",
        frames=3,
        codec="ffv1",
        pixel_format=pixel_format,
        colour=(0, 2) if pixel_format == "bgr0" else (1, 1),
    )
    notes = convert(source, tmp_path / name, encoder, change=False, lossless=False)
    assert probe(tmp_path / name).pixel_format == expected
    assert len(notes) == len(words)
    assert all(any(word in note for note in notes) for word in words)
    pairs = zip(VideoReader(source), VideoReader(tmp_path / name), strict=True)
    assert all(np.abs(a.image.astype(int) - b.image).mean() < 4 for a, b in pairs)


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("a.avi", "rawvideo", "bgr24"),
        ("a.avi", "rawvideo", "yuyv422"),
        ("a.mov", "qtrle", "argb"),
        ("a.mov", "png", "rgb48be"),
        ("a.mov", "prores_ks", "yuva444p10le"),
        ("a.mov", "v210", "yuv422p10le"),
        ("a.mov", "jpeg2000", "rgb24"),
        ("a.mkv", "ffv1", "ya8"),
        ("a.avi", "utvideo", "gbrp"),
        ("a.mpg", "mpeg1video", "yuv420p"),
    ],
)
def test_archives_of_any_source_show_the_same(make_video, tmp_path, name, codec, pixel_format):
    source = make_video(tmp_path / name, frames=2, codec=codec, pixel_format=pixel_format)
    assert convert(source, tmp_path / "out.mkv", "ffv1", change=False) == []
    pairs = zip(VideoReader(source), VideoReader(tmp_path / "out.mkv"), strict=True)
    assert all(np.array_equal(one.image, other.image) for one, other in pairs)


def test_a_format_that_is_asked_for(make_video, tmp_path):
    source = make_video(
        tmp_path / "source.mkv", frames=3, codec="ffv1", pixel_format="yuv444p10le", colour=(1, 1)
    )
    notes = convert(source, tmp_path / "a.mp4", "libx264", lossless=False, pixel_format="yuv420p")
    assert probe(tmp_path / "a.mp4").pixel_format == "yuv420p"
    assert [note.split()[0] for note in notes] == ["10", "the"]
    with pytest.raises(MediaError, match="no pixel format 'gbrp'") as caught:
        convert(source, tmp_path / "b.mp4", "libx264", pixel_format="gbrp")
    assert "yuv420p10le" in caught.value.hint


def test_opacity_that_is_lost_is_told(make_video, tmp_path):
    def with_alpha(opacity):
        def picture(number, width, height):
            return np.full((height, width, 4), (90, 120, 150, opacity), np.uint8)

        return picture

    for opacity in (255, 90):
        source = tmp_path / f"{opacity}.mkv"
        with av.open(str(source), "w") as output:
            stream = output.add_stream("ffv1", rate=25)
            stream.width, stream.height, stream.pix_fmt = 96, 64, "yuva420p"
            for number in range(3):
                array = with_alpha(opacity)(number, 96, 64)
                frame = av.VideoFrame.from_ndarray(array, "rgba").reformat(format="yuva420p")
                frame.pts = number
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        notes = convert(source, tmp_path / "a.mp4", "libx264")
        assert [note for note in notes if "transparency" in note] == notes
        assert len(notes) == (opacity != 255)
        assert not any("transparency" in n for n in convert(source, tmp_path / "b.mkv", "ffv1"))
        (_, stored), *_ = video_planes(tmp_path / "b.mkv")
        assert (stored[3] == opacity).all()


@pytest.mark.parametrize(
    ("encoder", "source", "expected"),
    [
        ("libx264", "yuv420p", "yuv420p"),
        ("libx264", "yuv440p", "yuv444p"),
        ("libx264", "pal8", "yuv420p"),
        ("libx264", "rgb48le", "yuv420p10le"),
        ("libx265", "gbrp12le", "yuv420p12le"),
        ("libx265", "yuva420p", "yuv420p"),
        ("libvpx-vp9", "yuva444p", "yuva420p"),
        ("prores_ks", "gbrap", "yuva444p10le"),
        ("ffv1", "rgba", "bgra"),
        ("ffv1", "yuv411p", "yuv444p"),
        ("mpeg4", "yuv444p16le", "yuv420p"),
        ("png", "gbrp16le", "rgb48be"),
    ],
)
def test_choice(encoder, source, expected):
    assert choose_deep_format(encoder, pixel_layout(source), 64, 48) == expected


@pytest.mark.parametrize(("kind", "count"), [(np.uint8, 0), (np.uint16, 1)])
def test_rendered_pictures_of_more_than_8_bits_are_told(make_video, tmp_path, kind, count):
    source = make_video(tmp_path / "source.mkv", frames=2, pixel_format="yuv420p10le")
    writer = VideoWriter(tmp_path / "a.mkv", probe(source), full_depth=True)
    with writer:
        for number in range(2):
            writer.write(RgbPicture(np.full((64, 96, 3), 9, kind)), number)
    assert len([note for note in writer.notes if "8 bits" in note]) == count
