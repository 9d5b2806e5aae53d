import io
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from faceswap.core.errors import MediaError
from faceswap.core.synthetic import COMPOSITE, xmp_packet
from faceswap.media.animation import read_loops, write_animation
from faceswap.media.encoders import VideoEncoding
from faceswap.media.video import VideoInfo, VideoReader
from faceswap.media.writer import VideoWriter
from faceswap.provenance.file_provenance import read_provenance
from tests.media.counters import SIZE, counter, read_counter

STAMPS = [0, 40, 100, 120, 300, 340]  # milliseconds
HOLD = Fraction(9, 10)


@pytest.fixture
def work(tmp_path):
    """A lossless video with counters, as segments of an animation are."""
    info = VideoInfo.for_new(*SIZE, 1000)
    encoding = VideoEncoding("ffv1", pixel_format="bgra")
    with VideoWriter(tmp_path / "work.mkv", info, encoding=encoding) as writer:
        for number, stamp in enumerate(STAMPS):
            writer.write(counter(number), stamp)
    return tmp_path / "work.mkv"


def pictures(path):
    """Pixels, ``(N, H, W, 3)``, and durations in milliseconds of an animated picture."""
    with Image.open(path) as image:
        found, durations = [], []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            found.append(np.asarray(image.convert("RGB")))
            durations.append(image.info["duration"])
    return np.stack(found), durations


@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
@pytest.mark.parametrize("loops", [0, 1, 4])
def test_frames_durations_and_loops(work, tmp_path, name, loops):
    write_animation(tmp_path / name, work, HOLD, loops=loops)
    found, durations = pictures(tmp_path / name)
    assert [read_counter(picture) for picture in found] == list(range(6))
    assert durations == [40, 60, 20, 180, 40, 900]
    assert read_loops(tmp_path / name) == loops


def test_a_gif_is_read_as_a_video(work, tmp_path):
    write_animation(tmp_path / "a.gif", work, HOLD)
    frames = list(VideoReader(tmp_path / "a.gif"))
    assert [read_counter(frame.image) for frame in frames] == list(range(6))
    assert [frame.time for frame in frames] == [stamp / 1000 for stamp in STAMPS]
    assert frames[-1].duration == 90


def test_lossless_webp(work, tmp_path):
    write_animation(tmp_path / "a.webp", work, HOLD, lossless=True)
    found, _ = pictures(tmp_path / "a.webp")
    for number, picture in enumerate(found):
        np.testing.assert_array_equal(picture, counter(number))


def test_a_gif_keeps_the_colours_of_skin(make_picture, tmp_path):
    info = VideoInfo.for_new(96, 64, 100)
    encoding = VideoEncoding("ffv1", pixel_format="bgra")
    with VideoWriter(tmp_path / "work.mkv", info, encoding=encoding) as writer:
        for number in range(8):
            writer.write(make_picture(number, 96, 64), 4 * number)
    write_animation(tmp_path / "a.gif", tmp_path / "work.mkv", Fraction(1, 10))
    found, _ = pictures(tmp_path / "a.gif")
    for number, picture in enumerate(found):
        error = picture.astype(float) - make_picture(number, 96, 64)
        assert np.abs(error.mean((0, 1))).max() < 1  # dithered: no tint
        assert np.abs(error).mean() < 6


@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
def test_other_programs_read_the_xmp(work, tmp_path, name):
    write_animation(tmp_path / name, work, HOLD, xmp=xmp_packet())
    found, durations = pictures(tmp_path / name)
    assert (len(found), durations[-1]) == (6, 900)
    if name == "a.gif":
        packet = (tmp_path / name).read_bytes().split(b"\x21\xff\x0bXMP DataXMP")[1]
    else:
        with Image.open(tmp_path / name) as image:
            packet = image.info["xmp"]
    assert f"<Iptc4xmpExt:DigitalSourceType>{COMPOSITE}<".encode() in packet
    assert read_provenance(tmp_path / name).metadata["digital_source_type"] == COMPOSITE


@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
def test_one_frame(tmp_path, name):
    info = VideoInfo.for_new(*SIZE, 1000)
    encoding = VideoEncoding("ffv1", pixel_format="bgra")
    with VideoWriter(tmp_path / "work.mkv", info, encoding=encoding) as writer:
        writer.write(counter(5), 0)
    write_animation(tmp_path / name, tmp_path / "work.mkv", HOLD, xmp=xmp_packet())
    with Image.open(tmp_path / name) as image:
        assert image.size == SIZE
        assert read_counter(np.asarray(image.convert("RGB"))) == 5
        assert name == "a.webp" or image.info["duration"] == 900  # a WebP of one picture has none
        packet = image.info.get("xmp") or (tmp_path / name).read_bytes()
    assert f"<Iptc4xmpExt:DigitalSourceType>{COMPOSITE}<".encode() in packet
    assert read_provenance(tmp_path / name).metadata["digital_source_type"] == COMPOSITE


def test_one_transparent_frame(tmp_path):
    picture = np.dstack([counter(3), np.full((SIZE[1], SIZE[0]), 255, np.uint8)])
    picture[:, :20, 3] = 0
    Image.fromarray(picture).save(tmp_path / "source.gif")
    write_animation(
        tmp_path / "a.webp", tmp_path / "source.gif", HOLD, lossless=True, xmp=xmp_packet()
    )
    with Image.open(tmp_path / "a.webp") as image:
        assert COMPOSITE.encode() in image.info["xmp"]
        alpha = np.asarray(image.convert("RGBA"))[..., 3]
    np.testing.assert_array_equal(alpha, picture[..., 3])


def test_what_is_too_fast_for_a_gif_is_left_out(tmp_path):
    info = VideoInfo.for_new(*SIZE, 240)
    encoding = VideoEncoding("ffv1", pixel_format="bgra")
    with VideoWriter(tmp_path / "work.mkv", info, encoding=encoding) as writer:
        for number in range(24):
            writer.write(counter(number), number)
    assert write_animation(tmp_path / "a.webp", tmp_path / "work.mkv", Fraction(1, 240)) == 24
    count = write_animation(tmp_path / "a.gif", tmp_path / "work.mkv", Fraction(1, 240))
    frames = list(VideoReader(tmp_path / "a.gif"))
    assert count == len(frames) <= 11
    for frame in frames:
        assert read_counter(frame.image) / 240 == pytest.approx(frame.time, abs=0.0055)


def test_transparency_is_kept(tmp_path):
    picture = np.dstack([counter(3), np.full((SIZE[1], SIZE[0]), 255, np.uint8)])
    picture[:, :20, 3] = 0
    buffer = io.BytesIO()
    Image.fromarray(picture).save(
        buffer, "GIF", save_all=True, append_images=[Image.fromarray(picture)], duration=70
    )
    (tmp_path / "source.gif").write_bytes(buffer.getvalue())
    for name in ("a.gif", "a.webp"):
        write_animation(tmp_path / name, tmp_path / "source.gif", HOLD)
        with Image.open(tmp_path / name) as image:
            alpha = np.asarray(image.convert("RGBA"))[..., 3]
        assert (alpha[:, :20] == 0).all()
        assert (alpha[:, 20:] == 255).all()


def test_loops_of_what_is_no_animation(make_video, tmp_path):
    assert read_loops(make_video(tmp_path / "a.mp4", frames=2)) == 0
    assert read_loops(tmp_path / "absent.gif") == 0


def test_nothing_is_left_after_an_error(tmp_path):
    (tmp_path / "work.mkv").write_bytes(b"no video")
    with pytest.raises(MediaError):
        write_animation(tmp_path / "a.gif", tmp_path / "work.mkv", HOLD)
    assert [path.name for path in tmp_path.iterdir()] == ["work.mkv"]
