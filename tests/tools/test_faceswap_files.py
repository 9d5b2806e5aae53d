"""Face PNGs and alignments of deepfakes/faceswap: read, written, and refused when damaged."""

import importlib
import json
import zlib

import numpy as np
import pytest

from faceswap.core.errors import DocumentError
from faceswap.geometry.alignment import transform_points, warp
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.media.images import encode_image, read_image
from faceswap.media.video import VideoReader

POINTS = (MEAN_FACE[:, :2] * 120 + [200, 150]).astype(np.float32)


@pytest.fixture
def files(tools):
    return importlib.import_module("peers.faceswap_files")


@pytest.fixture
def face(tools):
    module = importlib.import_module("peers.face")
    return module.PeerFace("a_0.png", "a.png", np.array([80, 30, 320, 290], np.float32), POINTS)


@pytest.fixture
def png(files, face, tmp_path):
    def write(**changes) -> object:
        size = changes.pop("size", (64, 64))
        image = encode_image(np.full((size[1], size[0], 3), 90, np.uint8), ".png")
        data = files.png_with_header(image, face, (640, 480), 0)
        for old, new in changes.pop("replace", {}).items():
            assert old in data
            data = data.replace(old, new)
        path = tmp_path / face.image
        path.write_bytes(data)
        return path

    return write


def test_a_face_png_is_read_as_it_was_written(files, face, png):
    read = files.read_face_png(png())
    assert (read.image, read.frame) == ("a_0.png", "a.png")
    assert np.array_equal(read.frame_points, POINTS)
    assert np.array_equal(read.box, face.box)
    assert read_image(png()).shape == (64, 64, 3)


def test_points_lie_in_the_crop_as_the_crop_lies_in_the_frame(files, png):
    crops = importlib.import_module("peers.crops")
    read = files.read_face_png(png())
    matrix = crops.head_matrix(POINTS, 64)
    assert np.allclose(read.crop_points, transform_points(matrix, POINTS), atol=1e-4)
    # The centre of the head is the centre of the crop: the face lies in front of it.
    assert read.crop_points[:, 0].mean() == pytest.approx(32, abs=1)
    assert read.crop_points.min() > 15
    assert read.crop_points.max() < 60


def test_a_png_without_a_header_is_no_face(files, tmp_path):
    (tmp_path / "a.png").write_bytes(encode_image(np.zeros((8, 8, 3), np.uint8), ".png"))
    assert files.read_face_png(tmp_path / "a.png") is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"{'alignments': {'x': 80", b"{'alignments': {'x':abs", "no dictionary"),
        (b"{'alignments'", b"__import__('os')", "no dictionary"),
        (b"'alignments_version': 2.4", b"'alignments_version': 1.0", "earlier|or later"),
        (b"'landmarks_xy': [[", b"'landmarks_xy': [[],", "no dictionary"),
        (b"'x': 80", b"'x': 'a", "no dictionary"),
        (b"'x': 80", b"'x': []", "numbers as box"),
        (b"'x': 80", b"'x':1e9", "found larger"),
        (b"'face_index'", b"'xxxxxxxxxx'", None),
        (b"'source_filename': 'a.png'", b"'source_filename': [1,2,3]", "name of the frame"),
    ],
)
def test_a_damaged_header_is_refused(files, png, old, new, message):
    path = png(replace={old: new})
    if message is None:  # an entry that is not needed
        assert files.read_face_png(path) is not None
        return
    with pytest.raises(DocumentError, match=message):
        files.read_face_png(path)


def test_a_crop_that_is_no_square_is_refused(files, png):
    with pytest.raises(DocumentError, match="square"):
        files.read_face_png(png(size=(64, 48)))


def test_a_truncated_png_is_refused(files, png):
    path = png()
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(DocumentError, match="truncated"):
        files.read_face_png(path)


def test_alignments_are_read_as_they_were_written(files, face, tmp_path):
    path = tmp_path / "alignments.fsa"
    files.write_alignments(path, [face, face], {"a_0.png": b"\xff\xd8"})
    first, second = files.read_alignments(path)
    assert first.frame == second.frame == "a.png"
    assert np.array_equal(second.frame_points, POINTS)
    assert np.array_equal(second.box, face.box)
    assert first.image == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not compressed", "compressed"),
        (zlib.compress(b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00id\x85R."), "posix.system"),
        (zlib.compress(b"\x80\x02}."), "__data__"),
        (zlib.compress(b"\x80\x02]."), "dictionary"),
    ],
)
def test_other_alignments_are_refused(files, tmp_path, content, message):
    path = tmp_path / "alignments.fsa"
    path.write_bytes(content)
    with pytest.raises(DocumentError, match=message):
        files.read_alignments(path)


def test_alignments_that_grow_when_decompressed_are_refused(files, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_ALIGNMENTS_BYTES", 1 << 20)
    path = tmp_path / "alignments.fsa"
    path.write_bytes(zlib.compress(bytes(2 << 20)))
    with pytest.raises(DocumentError, match="more than 1 MB"):
        files.read_alignments(path)


def test_files_of_the_program_itself(files, shared_data):
    """The crops, too, are those that the program cuts from the frames."""
    crops = importlib.import_module("peers.crops")
    folder = shared_data / "peers" / "faceswap"
    truth = json.loads((folder / "truth.json").read_text())
    aligned = files.read_alignments(folder / "lp_d6_6_frames.fsa")
    stored = [files.read_face_png(path) for path in sorted(folder.glob("*.png"))]
    assert len(aligned) == len(stored) == len(truth) == 6
    for face in [*aligned, *stored]:
        (expected,) = truth[face.frame]
        assert np.abs(face.frame_points - expected["landmarks_2d"]).max() < 1e-3
        assert face.box.tolist() == expected["detected"]
    frame = next(iter(VideoReader(next((shared_data / "video").glob("lp_d6*")))))
    crop = warp(frame.image, crops.head_matrix(stored[0].frame_points, 256), 256)
    inside = np.s_[64:192, 64:192]  # beyond the frame theirs are black
    difference = np.abs(crop[inside].astype(int) - read_image(folder / stored[0].image)[inside])
    assert difference.mean() < 2
