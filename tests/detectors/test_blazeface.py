import cv2
import numpy as np
import pytest
import torch
from skimage import data

from faceswap.core.errors import ConfigError
from faceswap.detectors import build_detector
from faceswap.detectors.blazeface import BlazeFace, full_range, short_range
from faceswap.detectors.inputs import letterbox


@pytest.fixture(scope="module")
def detector():
    return build_detector("blazeface")


@pytest.fixture(scope="module")
def astronaut():
    return np.ascontiguousarray(data.astronaut())


def check_astronaut(detection, scale=1.0, shift=(0.0, 0.0), tolerance=6.0):
    """Eyes within 6 px (of the 512 px picture) of where they are, box around the face."""
    eyes = np.array([[202, 102], [248, 105]]) * scale + shift
    assert np.abs(detection.points[:2] - eyes).max() < tolerance * scale
    center = (detection.box[:2] + detection.box[2:]) / 2
    assert np.linalg.norm(center - (np.array([225, 121]) * scale + shift)) < 20 * scale
    assert 85 * scale < detection.box[2] - detection.box[0] < 130 * scale


def test_finds_the_astronaut_and_nothing_else(detector, astronaut):
    faces = detector([astronaut])[0]
    assert len(faces) == 1
    assert faces[0].score > 0.7
    check_astronaut(faces[0])


@pytest.mark.parametrize(("network", "side"), [(short_range, 128), (full_range, 192)])
def test_each_range_alone_finds_a_close_up(network, side, astronaut):
    board, scale = letterbox(astronaut[20:240, 110:330], side)
    batch = torch.from_numpy(board)[None].permute(0, 3, 1, 2) / 127.5 - 1
    (face,) = network().detect(batch)[0]
    eyes = (np.array([[202, 102], [248, 105]]) - [110, 20]) * scale
    assert np.abs(face.points[:2] - eyes).max() < 6 * scale
    assert face.score > 0.7


def test_close_ups_add_the_short_range(astronaut):
    both = build_detector("blazeface", close_ups=True)
    assert both.weights == ("blazeface_full", "blazeface_short")
    (face,) = both([astronaut])[0]
    check_astronaut(face)


def test_input_sides_double_down_to_the_smallest_face():
    detector = BlazeFace(full_range())
    assert detector.input_sides(64) == [96]
    assert detector.input_sides(512) == [96, 192, 256]
    assert detector.input_sides(1280) == [96, 192, 384, 608]
    assert detector.input_sides(20000) == [96, 192, 384, 768, 1536, 2048]
    assert BlazeFace(full_range(), smallest_face=100).input_sides(1000) == [96, 160]


def test_a_face_that_fills_the_picture(detector, astronaut):
    (face,) = detector([astronaut[60:180, 165:285]])[0]
    check_astronaut(face, shift=(-165, -60), tolerance=8)


def test_finds_a_small_face_in_a_large_frame(detector, astronaut):
    frame = np.full((720, 1280, 3), 90, np.uint8)
    small = cv2.resize(astronaut, (256, 256), interpolation=cv2.INTER_AREA)
    frame[300:556, 900:1156] = small
    faces = detector([frame])[0]
    assert len(faces) == 1
    # 15 px of what the network sees: it is found, its eyes are placed roughly.
    check_astronaut(faces[0], 0.5, (900, 300), tolerance=15)


def test_images_of_several_sizes_in_one_call(detector, astronaut):
    pictures = [astronaut, astronaut[:300], astronaut, np.zeros((64, 48, 3), np.uint8)]
    together = detector(pictures)
    assert [len(faces) for faces in together] == [1, 1, 1, 0]
    for picture, faces in zip(pictures, together, strict=True):
        for one, other in zip(faces, detector([picture])[0], strict=True):
            np.testing.assert_allclose(one.box, other.box, atol=0.02)
            np.testing.assert_allclose(one.points, other.points, atol=0.02)


def test_cat_and_bare_textures_are_no_faces(detector):
    pictures = [data.chelsea(), data.coffee(), cv2.cvtColor(data.brick(), cv2.COLOR_GRAY2RGB)]
    assert detector(pictures) == [[], [], []]


def test_anchors_are_the_published_ones():
    short, full = short_range(), full_range()
    centers = short.anchor_centers(128, 128)
    assert centers.shape == (896, 2)
    assert centers[[0, 1, 2, 511, 512, 517, 518]].tolist() == [
        [4, 4],
        [4, 4],
        [12, 4],
        [124, 124],
        [8, 8],
        [8, 8],
        [24, 8],
    ]
    assert full.anchor_centers(192, 192).shape == (2304, 2)
    assert full.anchor_centers(192, 192)[49].tolist() == [6, 6]


def test_unknown_detector_names_the_nearest():
    with pytest.raises(ConfigError) as caught:
        build_detector("blazface")
    assert "blazeface" in caught.value.hint
