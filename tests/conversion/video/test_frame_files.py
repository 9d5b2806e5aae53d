"""Videos that are converted into numbered images, views and patches."""

import json
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest

from faceswap.conversion import pipeline
from faceswap.conversion.faces.finding import FaceFinding
from faceswap.conversion.output.encode_settings import EncodeSettings
from faceswap.conversion.output.names import name_outputs
from faceswap.conversion.output.planning import plan_outputs
from faceswap.conversion.pipeline import ConvertJob, convert_source
from faceswap.conversion.video import conversion
from faceswap.conversion.video.frame_files import sequence_notes, stored_pixels
from faceswap.conversion.video.ranges import parse_ranges
from faceswap.conversion.video.segments import plan_segments
from faceswap.core.errors import MediaError, NoFacesError, OutputExistsError
from faceswap.media.colour import ColourTags
from faceswap.media.encoders import VideoEncoding
from faceswap.media.picture import RgbPicture
from faceswap.media.sources import find_sources
from faceswap.media.video import VideoReader, probe
from faceswap.provenance.file_provenance import read_provenance
from faceswap.provenance.identity import open_identity
from tests.conversion.test_pipeline import swapper
from tests.conversion.video.test_conversion import Stopped, stopping
from tests.footage import moving_portrait, plain_picture, undecodable, write_clip

FRAMES = 14
LENGTH = 5
LOSSLESS = VideoEncoding(lossless=True)


@pytest.fixture(autouse=True)
def short_segments(monkeypatch) -> None:
    monkeypatch.setattr(conversion, "plan_segments", lambda table: plan_segments(table, LENGTH))


@pytest.fixture
def source(clip):
    return find_sources([clip])[0]


@pytest.fixture(scope="module")
def converted(clip, faceset, tmp_path_factory):
    """The converted frames, and those of the source, ``(N, H, W, 3)``."""
    output = tmp_path_factory.mktemp("whole") / "out.mkv"
    encode = EncodeSettings(VideoEncoding("ffv1"))
    convert_source(find_sources([clip])[0], output, swapper(), faceset=faceset, encode=encode)
    return [np.stack([f.image for f in VideoReader(path)]) for path in (output, clip)]


def read(path):
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image[..., [2, 1, 0, 3][: image.shape[2]]]


def run(source, faceset, output, **settings):
    encode = EncodeSettings(**settings)
    return convert_source(source, output, swapper(), faceset=faceset, encode=encode)


@pytest.mark.parametrize(
    ("name", "bits", "dtype"),
    [("%04d.png", None, np.uint8), ("a%d.png", 16, np.uint16), ("%06d.tif", 16, np.uint16)],
)
def test_a_sequence(converted, source, faceset, tmp_path, name, bits, dtype):
    report = run(source, faceset, tmp_path / "frames" / name, bits=bits)
    expected = [tmp_path / "frames" / (name % (index + 1)) for index in range(FRAMES)]
    assert list(report.files) == expected
    assert sorted((tmp_path / "frames").iterdir()) == sorted(expected)
    assert report.notes == ("audio was dropped: image sequences have none",)
    for file, frame in zip(expected, converted[0], strict=True):
        image = read(file)
        assert image.dtype == dtype
        scale = 1 if dtype == np.uint8 else 257
        assert np.abs(image.astype(float) / scale - frame).max() <= 1.1
    found = read_provenance(expected[3])
    assert (found.state, found.synthetic, found.report_matches) == ("intact", True, True)
    assert {path.name for path in tmp_path.iterdir()} == {"frames", "frames.json"}


@pytest.mark.parametrize("channels", [3, 4])
def test_pixels_of_images(monkeypatch, channels):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 5, channels), np.uint8)
    deep = stored_pixels(RgbPicture(pixels), 16)
    assert deep.dtype == np.uint16
    np.testing.assert_array_equal(deep, pixels * np.uint16(257))
    monkeypatch.delattr(RgbPicture, "read")  # 8 bits need no float copy of the frame
    np.testing.assert_array_equal(stored_pixels(RgbPicture(pixels), 8), pixels)


def test_an_interrupted_sequence_is_resumed(converted, source, faceset, tmp_path):
    output = tmp_path / "frames" / "%04d.png"
    with pytest.raises(Stopped):
        convert_source(source, output, swapper(), faceset=faceset, on_frames=stopping(8))
    stamps = {f.name: f.stat().st_mtime_ns for f in output.parent.glob("*.png")}
    assert 5 <= len(stamps) < FRAMES
    report = convert_source(source, output, swapper(), faceset=faceset)
    assert (report.frames, report.frames_now) == (FRAMES, FRAMES - LENGTH)
    later = {f.name: f.stat().st_mtime_ns for f in report.files}
    assert len(later) == FRAMES
    kept = [name for name in stamps if stamps[name] == later[name]]
    assert sorted(kept) == [f"{number:04d}.png" for number in range(1, LENGTH + 1)]
    again = convert_source(source, output, swapper(), faceset=faceset)
    assert (again.frames_now, len(again.files)) == (0, FRAMES)
    report.files[2].unlink()  # and a part of a finished one is made again
    assert convert_source(source, output, swapper(), faceset=faceset).frames_now == FRAMES
    assert report.files[2].is_file()


def test_images_of_the_user_are_not_replaced(source, faceset, tmp_path):
    (tmp_path / "frames").mkdir()
    mine = tmp_path / "frames" / "0003.png"
    mine.write_bytes(b"mine")
    (tmp_path / "frames" / "notes.txt").write_bytes(b"mine")
    with pytest.raises(OutputExistsError, match=r"0003\.png exists already"):
        run(source, faceset, tmp_path / "frames" / "%04d.png")
    assert mine.read_bytes() == b"mine"
    convert_source(
        source, tmp_path / "frames" / "%04d.png", swapper(), faceset=faceset, overwrite=True
    )
    assert read(mine).shape == (256, 256, 3)
    assert (tmp_path / "frames" / "notes.txt").is_file()


@pytest.mark.parametrize("view", ["swap", "patch"])
def test_images_of_another_conversion_do_not_stay(source, faceset, tmp_path, view):
    output = tmp_path / "frames" / "%04d.png"
    encode, identity = EncodeSettings(view=view), open_identity()
    convert_source(source, output, swapper(), faceset=faceset, encode=encode)
    (output.parent / "notes.png").write_bytes(b"mine")
    job = ConvertJob(
        source,
        name_outputs(source, output),
        swapper(),
        faceset,
        encode,
        identity,
        ranges=parse_ranges("2f", "4f", ["10f-11f"], "drop"),
    )
    report = job.run(overwrite=True)
    numbers, part = ("0003", "0004", "0011"), "-0" if view == "patch" else ""
    assert [file.name for file in report.files] == [f"{number}{part}.png" for number in numbers]
    names = {file.name for file in report.files} | {"notes.png"}
    names |= {f"{number}.json" for number in numbers} if view == "patch" else set()
    assert {file.name for file in output.parent.iterdir()} == names


def test_images_of_frames_that_cannot_be_decoded_do_not_stay(clip, faceset, tmp_path):
    damaged = undecodable(clip, tmp_path / "damaged.mp4", range(LENGTH, 2 * LENGTH))
    (source,) = find_sources([damaged])
    stale = tmp_path / "frames" / f"{LENGTH + 1:04d}.png"
    stale.parent.mkdir()
    stale.write_bytes(b"stale")
    output = stale.with_name("%04d.png")
    report = convert_source(source, output, swapper(), overwrite=True)
    assert len(report.files) == report.frames == FRAMES - LENGTH
    assert not stale.exists()


def test_without_faces_the_images_of_other_frames_stay(tmp_path):
    clip = write_clip(
        tmp_path / "clip.mp4",
        30,
        lambda index: (moving_portrait if index < 5 else plain_picture)(0),
    )
    (source,) = find_sources([clip])
    output = tmp_path / "frames" / "%d.png"
    output.parent.mkdir()
    for number in (1, 27, 28, 900):
        (output.parent / f"{number}.png").write_bytes(b"earlier")
    outputs, ranges = name_outputs(source, output), parse_ranges("26f", "28f", [], "drop")
    given = (source, outputs, swapper(), FaceFinding(), EncodeSettings(), open_identity())
    with pytest.raises(NoFacesError):
        ConvertJob(*given, ranges=ranges).run(overwrite=True)
    left = {file.name: file.read_bytes() for file in output.parent.iterdir()}
    assert left == {f"{number}.png": b"earlier" for number in (1, 900)}


def test_a_video_without_faces_leaves_no_images(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", 6, plain_picture)
    with pytest.raises(NoFacesError):
        convert_source(find_sources([clip])[0], tmp_path / "frames" / "%d.png", swapper())
    assert not list(tmp_path.rglob("*.png"))


def test_views_of_a_video(converted, source, faceset, tmp_path):
    swapped, original = converted
    frames = {}
    for view in ("side-by-side", "difference", "mask"):
        output = tmp_path / f"{view}.mkv"
        run(source, faceset, output, view=view, video=VideoEncoding("ffv1", pixel_format="bgr0"))
        frames[view] = np.stack([f.image for f in VideoReader(output)]).astype(int)
        assert read_provenance(output).synthetic
    assert probe(tmp_path / "side-by-side.mkv").width == 512
    left, right = frames["side-by-side"][:, :, :256], frames["side-by-side"][:, :, 256:]
    # Where the halves meet, the chroma of a pixel lies between those of both.
    assert np.abs(left - original)[:, :, :-1].max() <= 2
    assert np.abs(right - swapped).max() <= 2
    apart = np.minimum(8 * np.abs(swapped.astype(int) - original), 255)
    assert np.abs(frames["difference"] - apart).mean() < 3
    changed = (np.abs(swapped.astype(int) - original) > 12).any(-1)
    assert (frames["mask"][..., 0][changed] > 0).mean() > 0.99
    assert np.abs(frames["mask"][..., 0] - frames["mask"][..., 1]).max() <= 1


def test_faces_alone(converted, source, faceset, tmp_path):
    report = run(source, faceset, tmp_path / "frames" / "%d.png", view="alpha")
    for file, swapped, original in zip(report.files, *converted, strict=True):
        layer = read(file).astype(float)
        alpha = layer[..., 3:] / 255
        over = original * (1 - alpha) + layer[..., :3] * alpha
        # The chroma of 4:2:0 video reaches a pixel beyond the mask.
        assert np.quantile(np.abs(over - swapped), 0.98) <= 3
        assert np.abs(over - swapped).mean() < 0.5
        assert 0.01 < (alpha > 0.5).mean() < 0.5


@pytest.mark.parametrize("name", ["%04d.png", "%04d.tif"])
def test_patches(converted, source, faceset, tmp_path, name):
    report = run(source, faceset, tmp_path / "faces" / name, view="patch", bits=16)
    assert len(report.files) == FRAMES
    for index in range(FRAMES):
        document = json.loads((tmp_path / "faces" / f"{index + 1:04d}.json").read_text())
        assert (document["frame"], document["source"]) == (index, "clip.mp4")
        assert document["time"] == pytest.approx(index / 25)
        (face,) = document["faces"]
        assert face["to"] == "bob"
        patch = read(tmp_path / "faces" / face["file"]).astype(np.float32) / 65535
        warped = cv2.warpAffine(patch, np.array(face["patch_to_frame"]), (256, 256))
        alpha = warped[..., 3:]
        over = converted[1][index] * (1 - alpha) + 255 * warped[..., :3] * alpha
        assert np.abs(over - converted[0][index]).mean() < 0.6
    assert read_provenance(report.files[0]).synthetic
    assert run(source, faceset, tmp_path / "faces" / name, view="patch", bits=16).frames_now == 0


@pytest.fixture
def unread(monkeypatch):
    """Lets a conversion fail that reads its source."""

    def read(source):
        raise AssertionError(f"{source.name} was read")

    monkeypatch.setattr(pipeline, "hash_source", read)


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize(
    ("view", "name", "encoder", "pixel_format"),
    [
        ("alpha", "out.mp4", None, None),
        ("alpha", "out.mp4", "vp9", None),
        ("alpha", "out.mkv", "ffv1", "yuv420p"),
        ("patch", "out.mp4", None, None),
        ("patch", "out.mkv", "ffv1", None),
    ],
)
def test_transparency_that_is_not_held(
    source, faceset, tmp_path, view, name, encoder, pixel_format
):
    encoding = VideoEncoding(encoder, pixel_format=pixel_format)
    with pytest.raises(MediaError, match="transparency") as caught:
        run(source, faceset, tmp_path / name, view=view, video=encoding)
    assert "%06d.png" in caught.value.hint


@pytest.mark.usefixtures("unread")
def test_photos_have_no_views(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), moving_portrait(0))
    (source,) = find_sources([tmp_path / "a.png"])
    with pytest.raises(MediaError, match="found photos"):
        convert_source(
            source, tmp_path / "b.png", swapper(), encode=EncodeSettings(view="difference")
        )


def test_one_sequence_for_several_videos(source, tmp_path):
    with pytest.raises(MediaError, match="one video, found 2"):
        plan_outputs([source, source], tmp_path / "frames" / "%d.png")


def test_names_with_a_percent_sign(clip, tmp_path):
    (tmp_path / "100%done.mp4").write_bytes(clip.read_bytes())
    (source,) = find_sources([tmp_path / "100%done.mp4"])
    (outputs,) = plan_outputs([source], tmp_path / "out")
    assert (outputs.path, outputs.pattern) == (tmp_path / "out" / "100%done.mp4", None)


def test_what_images_do_not_tell_of_a_video(clip):
    info = replace(probe(clip), audio_streams=0)
    assert sequence_notes(info) == []
    (note,) = sequence_notes(replace(info, pixel_aspect=Fraction(64, 45)))
    assert "64/45" in note
    (note,) = sequence_notes(replace(info, colour=ColourTags(9, 1, 9, 16)))
    assert "HDR" in note
