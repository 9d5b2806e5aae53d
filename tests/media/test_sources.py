import hashlib

import numpy as np
import pytest

from faceswap.core.errors import MediaError
from faceswap.media.images import ImageReader, write_image
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


def test_content_hash(footage):
    sources = {source.name: source for source in find_sources([footage])}
    clip = sources["clip"]
    assert clip.content_hash() == hashlib.sha256(clip.path.read_bytes()).hexdigest()
    before = sources["deep"].content_hash()
    assert before == sources["deep"].content_hash()
    (footage / "deep/f2.png").write_bytes((footage / "deep/f10.png").read_bytes() + b"x")
    assert before != sources["deep"].content_hash()


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
