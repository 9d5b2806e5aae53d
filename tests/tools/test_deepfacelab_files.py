"""Face JPEGs and packed facesets of DeepFaceLab: read, written, and refused when damaged."""

import importlib
import struct

import numpy as np
import pytest

from faceswap.core.errors import DocumentError, UnsafeNameError
from faceswap.core.image_header import open_image
from faceswap.geometry.alignment import transform_points
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.media.images import encode_image, read_image

POINTS = (MEAN_FACE[:, :2] * 120 + [200, 150]).astype(np.float32)
SIZE = 64


@pytest.fixture
def files(tools):
    return importlib.import_module("peers.deepfacelab_files")


@pytest.fixture
def face(tools):
    matrix = importlib.import_module("peers.crops").whole_face_matrix(POINTS, SIZE)
    return importlib.import_module("peers.face").PeerFace(
        "00001_0.jpg",
        "00001.png",
        np.array([80, 30, 320, 290], np.float32),
        POINTS,
        transform_points(matrix, POINTS).astype(np.float32),
    )


@pytest.fixture
def jpeg(files, face):
    image = encode_image(np.full((SIZE, SIZE, 3), 90, np.uint8), ".jpg")
    return files.jpeg_with_header(image, face, np.eye(2, 3))


def pickled(tools_value) -> bytes:
    return importlib.import_module("peers.pickle_writer").dump(tools_value)


def with_segment(payload: bytes) -> bytes:
    image = encode_image(np.zeros((8, 8, 3), np.uint8), ".jpg")
    segment = b"\xff\xef" + struct.pack(">H", len(payload) + 2) + payload
    return image[:20] + segment + image[20:]


def test_a_face_jpeg_is_read_as_it_was_written(files, face, jpeg, tmp_path):
    read = files.read_face_jpeg(jpeg, face.image)
    assert (read.image, read.frame) == (face.image, face.frame)
    assert np.array_equal(read.box, face.box)
    assert np.array_equal(read.frame_points, face.frame_points)
    assert np.array_equal(read.crop_points, face.crop_points)
    (tmp_path / "a.jpg").write_bytes(jpeg)
    assert read_image(tmp_path / "a.jpg").shape == (SIZE, SIZE, 3)
    with open_image(tmp_path / "a.jpg", ("JPEG",)) as header:
        assert header.size == (SIZE, SIZE)


def test_a_whole_face_reaches_from_forehead_to_chin(face):
    points = face.crop_points / SIZE
    assert points[27:31, 0].mean() == pytest.approx(0.5, abs=0.02)
    assert 0.3 < points[17:27, 1].min() < 0.4  # brows
    assert 0.8 < points[8, 1] < 0.9  # chin


def test_a_jpeg_without_a_header_is_no_face(files):
    assert files.read_face_jpeg(encode_image(np.zeros((8, 8, 3), np.uint8), ".jpg"), "a") is None
    assert files.read_face_jpeg(b"\xff\xd8\xff\xef", "a") is None
    assert files.read_face_jpeg(b"GIF89a", "a") is None


def test_points_of_the_frame_may_be_missing(files):
    read = files.read_face_jpeg(with_segment(pickled({"landmarks": POINTS})), "a.jpg")
    assert read.frame_points is None
    assert read.box is None
    assert read.frame == "a.jpg"
    assert np.array_equal(read.crop_points, POINTS)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"\x80\x03cposix\nsystem\nX\x02\x00\x00\x00id\x85R.", "posix.system"),
        (b"\x80\x03].", "dictionary"),
        (b"\x80\x03}.", "'landmarks'"),
        (b"\x80\x03}X\x09\x00\x00\x00landmarksNs.", "numbers as landmarks"),
        (b"\x80\x03", "damaged"),
    ],
)
def test_other_headers_are_refused(files, payload, message):
    with pytest.raises(DocumentError, match=message):
        files.read_face_jpeg(with_segment(payload), "a.jpg")


@pytest.fixture
def packed(files, face, jpeg, tmp_path):
    crop = tmp_path / face.image
    crop.write_bytes(jpeg)
    files.pack(tmp_path / "faceset.pak", [(face, crop), (face, crop)], SIZE)
    return tmp_path / "faceset.pak"


def test_a_packed_faceset_is_read_as_it_was_written(files, face, jpeg, packed):
    assert list(files.unpack(packed)) == [(face.image, jpeg)] * 2


def test_the_last_offset_may_be_counted_from_the_start(files, face, jpeg, packed):
    """DeepFaceLab's own are."""
    data = packed.read_bytes()
    relative = struct.pack("<Q", 2 * len(jpeg))
    assert data.count(relative) == 1
    packed.write_bytes(data.replace(relative, struct.pack("<Q", len(data))))
    assert list(files.unpack(packed)) == [(face.image, jpeg)] * 2


def test_files_of_several_people(files, tmp_path):
    table = pickled([{"filename": "1.jpg", "person_name": "bob"}])
    path = tmp_path / "faceset.pak"
    offsets = struct.pack("<QQ", 0, 3)
    path.write_bytes(struct.pack("<QQ", 1, len(table)) + table + offsets + b"abc")
    assert list(files.unpack(path)) == [("bob-1.jpg", b"abc")]


@pytest.mark.parametrize(
    ("names", "offsets", "error", "message"),
    [
        (["1.jpg"], [0, 9], DocumentError, "truncated"),
        (["1.jpg"], [5, 3], DocumentError, "lies from 5"),
        (["1.jpg", "2.jpg"], [2, 1, 3], DocumentError, "lies from 2"),
        (["../1.jpg"], [0, 3], UnsafeNameError, "path"),
        ([5], [0, 3], DocumentError, "name of a file"),
        (["1.jpg", "2.jpg"], [0], DocumentError, "truncated"),
    ],
)
def test_a_damaged_table_is_refused(files, tmp_path, names, offsets, error, message):
    table = pickled([{"filename": name} for name in names])
    path = tmp_path / "faceset.pak"
    numbers = struct.pack(f"<{len(offsets)}Q", *offsets)
    path.write_bytes(struct.pack("<QQ", 1, len(table)) + table + numbers + b"abc")
    with pytest.raises(error, match=message):
        list(files.unpack(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "truncated"),
        (struct.pack("<QQ", 2, 0), "version 1"),
        (struct.pack("<QQ", 1, 1 << 60), "bytes"),
        (struct.pack("<QQ", 1, 2) + b"N.", "list of files"),
    ],
)
def test_other_files_are_refused(files, tmp_path, content, message):
    path = tmp_path / "faceset.pak"
    path.write_bytes(content)
    with pytest.raises(DocumentError, match=message):
        list(files.unpack(path))
