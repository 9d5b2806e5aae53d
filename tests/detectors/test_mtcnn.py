import cv2
import numpy as np
import pytest
from skimage import data

from faceswap.detectors import build_detector
from faceswap.detectors.mtcnn import MTCNN, OutputNet, ProposalNet, RefineNet


@pytest.fixture(scope="module")
def detector():
    return build_detector("mtcnn")


@pytest.fixture(scope="module")
def astronaut():
    return np.ascontiguousarray(data.astronaut())


def test_astronaut_is_where_facenet_pytorch_finds_her(detector, astronaut):
    """Numbers of facenet-pytorch 2.6.0; it cuts candidates out a little differently."""
    (face,) = detector([astronaut])[0]
    assert face.score > 0.99
    np.testing.assert_allclose(face.box, [181.1, 62.2, 267.7, 172.1], atol=5)
    expected = [[205.0, 101.7], [246.8, 103.7], [224.7, 129.0], [201.7, 139.2], [245.3, 141.9]]
    np.testing.assert_allclose(face.points, expected, atol=3)


@pytest.mark.parametrize("size", [112, 160])
def test_finds_small_faces_where_they_are(detector, astronaut, size):
    frame = np.full((360, 500, 3), 90, np.uint8)
    small = cv2.resize(astronaut, (size, size), interpolation=cv2.INTER_AREA)
    frame[100 : 100 + size, 300 : 300 + size] = small
    (face,) = detector([frame])[0]
    eyes = np.array([[202, 102], [248, 105]]) * size / 512 + [300, 100]
    assert np.abs(face.points[:2] - eyes).max() < 2.5


def test_smallest_face_is_an_option(astronaut):
    assert build_detector("mtcnn", min_size=200)([astronaut]) == [[]]


def test_a_face_that_the_edge_cuts_off(detector, astronaut):
    cut = np.ascontiguousarray(astronaut[85:, 190:])
    (face,) = detector([cut])[0]
    assert np.abs(face.points[2] - [225 - 190, 128 - 85]).max() < 8


def test_images_of_several_sizes_in_one_call(detector, astronaut):
    pictures = [
        astronaut[:300],
        np.zeros((8, 8, 3), np.uint8),
        astronaut[:300, :400],
        data.coffee(),
    ]
    together = detector(pictures)
    assert [len(faces) for faces in together] == [1, 0, 1, 0]
    for picture, faces in zip(pictures, together, strict=True):
        for one, other in zip(faces, detector([picture])[0], strict=True):
            np.testing.assert_allclose(one.box, other.box, atol=0.02)
            np.testing.assert_allclose(one.points, other.points, atol=0.02)


def test_untrained_networks_find_no_confident_faces(astronaut):
    """Untrained networks go through all three stages or stop early, but never fail."""
    found = MTCNN((ProposalNet(), RefineNet(), OutputNet()), min_size=120)([astronaut])
    assert len(found) == 1
