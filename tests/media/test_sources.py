import json
import os

import cv2
import numpy as np
import pytest

from faceswap.core.errors import MediaError
from faceswap.media.hashed_source import hash_source
from faceswap.media.images import write_image
from faceswap.media.photos import ImageReader
from faceswap.media.sources import find_sources, open_source
from faceswap.media.video import VideoReader


@pytest.fixture
def footage(tmp_path, make_video, make_picture):
    root = tmp_path / "footage"
    make_video(root / "clip.mp4", frames=3)
    make_video(root / "deep/er/clip.mkv", frames=3)
    for name in ("f10.png", "f2.png", "f1.JPG"):
        write_image(root / "deep" / name, make_picture(len(name), 16, 16))
    write_image(root / "still.png", make_picture(0, 16, 16))
    (root / "notes.txt").write_text("x")
    (root / ".hidden").mkdir()
    make_video(root / ".hidden/secret.mp4", frames=1)
    (root / "._clip.mp4").write_bytes(b"x")
    return root


def test_folder_is_searched_wholly(footage):
    sources = {source.name: source for source in find_sources([footage])}
    assert set(sources) == {"clip", "deep-er-clip", "deep", "footage"}
    assert sources["clip"].kind == "video"
    assert sources["clip"].files == (footage / "clip.mp4",)
    assert sources["deep"].kind == "images"
    assert [file.name for file in sources["deep"].files] == ["f1.JPG", "f2.png", "f10.png"]
    assert sources["footage"].files == (footage / "still.png",)


def test_names_are_unique_and_stable(tmp_path, footage, make_video):
    make_video(footage / "clip.mov", frames=1)
    other = make_video(tmp_path / "other/Clip.mp4", frames=1)
    paths = [footage, other, footage / "clip.mp4"]
    names = [source.name for source in find_sources(paths)]
    assert len({name.casefold() for name in names}) == len(names) == 6
    assert {"clip-mov", "clip-mp4", "Clip-mp4-2"} < set(names)
    assert names == [source.name for source in find_sources(paths)]


def test_content_decides_for_unknown_endings(tmp_path, footage, make_video):
    video = make_video(tmp_path / "x.mp4", frames=2).rename(tmp_path / "video.bin")
    image = (footage / "still.png").rename(tmp_path / "photo")
    assert [source.kind for source in find_sources([video, image])] == ["video", "images"]


def test_errors_list_the_supported_suffixes(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "notes.txt").write_text("x")
    with pytest.raises(MediaError, match="contains no video and no image") as caught:
        find_sources([empty])
    assert ".mp4" in caught.value.hint
    assert ".jpg" in caught.value.hint
    with pytest.raises(MediaError, match="There is no file or folder"):
        find_sources([tmp_path / "absent"])
    with pytest.raises(MediaError, match="neither a video nor an image"):
        find_sources([empty / "notes.txt"])


def test_open_source(footage):
    sources = {source.name: source for source in find_sources([footage])}
    video, images = open_source(sources["clip"], 1), open_source(sources["deep"])
    assert isinstance(video, VideoReader)
    assert isinstance(images, ImageReader)
    assert (video.total, images.total) == (3, 3)
    assert [frame.index for frame in video] == [1, 2]
    assert [frame.name for frame in images] == ["f1.JPG", "f2.png", "f10.png"]
    assert all(frame.image.dtype == np.uint8 for frame in images)
    assert video.damage is None
    assert images.damage is None


def test_results_and_the_output_are_not_sources(footage, make_picture):
    for number in ("1", "2"):
        faceset = footage / "faces" / number
        write_image(faceset / "images/0.png", make_picture(0, 16, 16))
        (faceset / "faceset.json").write_text("{}")
    write_image(footage / "out/still.png", make_picture(0, 16, 16))
    write_image(footage / "@eaDir/still.png/thumb.png", make_picture(0, 16, 16))
    notes = []
    names = [source.name for source in find_sources([footage], footage / "out", notes.append)]
    assert set(names) == {"clip", "deep-er-clip", "deep", "footage"}
    assert sorted(notes) == [
        "Skipped (faceset): faces/1, faces/2.",
        "Skipped (output folder): out.",
        "Skipped (tool folder): .hidden, @eaDir.",
    ]
    with pytest.raises(MediaError, match="is a faceset, not footage"):
        find_sources([footage / "faces/1"])


def test_parts_of_results_are_not_sources(footage, make_picture):
    faceset = footage / "faces/1"
    crop = faceset / "images/000000-0.png"
    write_image(crop, make_picture(0, 16, 16))
    (faceset / "faceset.json").write_text("{}")
    for part in (crop.parent, crop):
        with pytest.raises(MediaError, match=r"is a part of the faceset .*faces/1, not footage"):
            find_sources([part])
    (footage / "link").symlink_to(crop.parent)
    with pytest.raises(MediaError, match="is a part of the faceset"):
        find_sources([footage / "link"])
    notes = []
    assert len(find_sources([footage], on_note=notes.append)) == 4
    assert "Skipped (part of a faceset): link." in notes


def _report(path, *names):
    files = [{"name": name} for name in names]
    path.write_text(json.dumps({"synthetic": {}, "source": {"name": "x"}, "files": files}))


def test_converted_files_are_not_sources_unless_named(footage, make_picture, make_video):
    swapped = make_video(footage / "clip-swapped.mp4", frames=1)
    _report(footage / "clip-swapped.mp4.json", swapped.name)
    for name in ("1.png", "2.png", "mine.png"):
        write_image(footage / "out" / name, make_picture(0, 16, 16))
    _report(footage / "out.json", "1.png", "2.png")
    (footage / "clip.mp4.json").write_text('{"files": [{"name": "clip.mp4"}]}')  # no report of ours
    notes = []
    sources = {source.name: source for source in find_sources([footage], on_note=notes.append)}
    assert set(sources) == {"clip", "deep-er-clip", "deep", "footage", "out"}
    assert sources["out"].files == (footage / "out/mine.png",)
    assert "Skipped: 3 converted files (name them to use them)." in notes
    assert len(find_sources([swapped, footage / "out/1.png"])) == 2
    (out,) = find_sources([footage / "out"])
    assert out.files == (footage / "out/mine.png",)
    (footage / "out/mine.png").unlink()
    with pytest.raises(MediaError, match=r"no image\. Skipped: 2 converted files \(name them"):
        find_sources([footage / "out"])
    (everything,) = find_sources([footage / "out"], with_results=True)
    assert len(everything.files) == 2


def test_unreadable_suffixes_are_counted(footage):
    for name in ("IMG_2.HEIC", "IMG_3.heic", "clip.braw"):
        (footage / name).write_bytes(b"x")
    notes = []
    assert len(find_sources([footage], on_note=notes.append)) == 4
    assert "Skipped: 2 .heic (cannot be read; save as JPEG)." in notes
    assert "Skipped: 1 .braw (cannot be read; save as MP4)." in notes


def test_only_unreadable_files_are_named_in_the_error(tmp_path):
    (tmp_path / "IMG_2.HEIC").write_bytes(b"x")
    with pytest.raises(MediaError, match=r"no video and no image. Skipped: 1 \.heic"):
        find_sources([tmp_path])


def test_linked_folders_are_searched_once(tmp_path, make_picture):
    write_image(tmp_path / "real/portrait.png", make_picture(0, 16, 16))
    links = tmp_path / "links"
    links.mkdir()
    (links / "day1").symlink_to(tmp_path / "real")
    (tmp_path / "real/loop").symlink_to(links)
    (source,) = find_sources([links])
    assert source.name == "day1"
    assert source.files == (links / "day1/portrait.png",)


def test_names_of_any_kind(tmp_path, make_picture):
    for name in ("f².png", "f①.png", "f٣.png", os.fsdecode(b"f\xff.png")):
        write_image(tmp_path / name, make_picture(0, 16, 16))
    (source,) = find_sources([tmp_path])
    assert len(source.files) == 4
    assert len(list(open_source(source))) == 4
    assert hash_source(source).sha256


@pytest.mark.parametrize("suffix", [".pgm", ".pbm", ".jpe", ".dib", ".j2k"])
def test_every_listed_suffix_of_photos_can_be_read(tmp_path, make_picture, suffix):
    writer = str({".jpe": ".jpg", ".dib": ".bmp", ".j2k": ".jp2"}.get(suffix, suffix))
    picture = make_picture(0, 64, 64)
    done, data = cv2.imencode(writer, picture[..., 0] if suffix in (".pgm", ".pbm") else picture)
    assert done
    (tmp_path / f"a{suffix}").write_bytes(data.tobytes())
    (source,) = find_sources([tmp_path])
    (frame,) = open_source(source)
    assert frame.image.shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("suffix", "muxer", "codec"),
    [
        (".asf", "wmv", "wmv2"),
        (".divx", "avi", "mpeg4"),
        (".3g2", "3g2", "mpeg4"),
        (".mod", "mpg", "mpeg2video"),
        (".f4v", "mp4", "libx264"),
        (".nut", "nut", "mpeg4"),
    ],
)
def test_every_listed_suffix_of_videos_can_be_read(tmp_path, make_video, suffix, muxer, codec):
    made = make_video(tmp_path / f"x.{muxer}", frames=5, codec=codec)
    made.rename(tmp_path / f"a{suffix}")
    (source,) = find_sources([tmp_path])
    assert source.kind == "video"
    assert len(list(open_source(source))) == 5
