"""Every detector with published weights on photographs with labelled faces and on others without.

Boxes differ by convention: some end at the brows, some at the hairline. They are compared with the
bounds of the labelled landmarks.
"""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from faceswap.detectors import Detection, Detector, build_detector
from faceswap.detectors.nms import overlaps
from faceswap.media.images import read_image

NAMES = ("blazeface", "mtcnn", "retinaface", "yunet")
# Eyes, nose tip and mouth corners of the astronaut, in pixels of the 512 px image.
ASTRONAUT = [[205.0, 101.7], [246.8, 103.7], [224.7, 129.0], [201.7, 139.2], [245.3, 141.9]]
# The first cascade stage of MTCNN rejects one of the 18.
MISSES = {"mtcnn": 1}


@pytest.fixture(params=NAMES)
def name(
    request: pytest.FixtureRequest, shared_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    # Weights from the package index are not in that folder and may have to be downloaded.
    monkeypatch.delenv("FACESWAP_OFFLINE")
    return request.param


@pytest.fixture
def detector(name: str) -> Detector:
    return build_detector(name)


def labelled_faces(folder: Path) -> dict[str, list[NDArray[np.float64]]]:
    """File name -> (68, 2) landmarks per face."""
    root = ElementTree.parse(folder / "training_with_face_landmarks.xml").getroot()
    faces = {}
    for image in root.iter("image"):
        boxes = [sorted(box, key=lambda point: int(point.attrib["name"])) for box in image]
        faces[image.attrib["file"]] = [
            np.array([[float(p.attrib["x"]), float(p.attrib["y"])] for p in box]) for box in boxes
        ]
    return faces


def five_points(landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    eyes = [landmarks[36:42].mean(0), landmarks[42:48].mean(0)]
    return np.array([*eyes, landmarks[30], landmarks[48], landmarks[54]])


def best_match(landmarks: NDArray[np.float64], found: list[Detection]) -> tuple[float, int]:
    bounds = np.concatenate([landmarks.min(0), landmarks.max(0)])
    shared = overlaps(bounds, np.stack([detection.box for detection in found]))
    return float(shared.max()), int(shared.argmax())


def test_finds_all_labelled_faces_and_nothing_else(
    name: str, detector: Detector, shared_data: Path
) -> None:
    folder = shared_data / "faces" / "dlib"
    faces = labelled_faces(folder)
    assert sum(map(len, faces.values())) == 18
    ious, errors = [], []
    for file, landmarks in faces.items():
        (found,) = detector([read_image(folder / file)])
        matches = [best_match(face, found) for face in landmarks]
        matched = {index for iou, index in matches if iou > 0.3}
        assert len(matched) == len(found), file
        for face, (iou, index) in zip(landmarks, matches, strict=True):
            points = found[index].points
            if iou > 0.3 and points is not None:
                ious.append(iou)
                between = np.linalg.norm(points[:2] - five_points(face)[:2], axis=1).mean()
                errors.append(between / np.linalg.norm(np.subtract(*five_points(face)[:2])))
    assert len(ious) == 18 - MISSES.get(name, 0)
    assert np.mean(ious) > 0.6
    assert np.median(errors) < 0.25  # of the distance between the eyes


def test_counts_faces(detector: Detector, shared_data: Path) -> None:
    folder = shared_data / "faces" / "face_alignment"
    files = ("aflw-test.jpg", "aflw-test-grid3x3.jpg", "grass.jpg")
    found = detector([read_image(folder / file) for file in files])
    assert [len(faces) for faces in found] == [1, 9, 0]


def test_order_and_place_of_the_points(name: str, detector: Detector) -> None:
    astronaut = np.ascontiguousarray(data.astronaut())
    (face,) = detector([astronaut])[0]
    assert face.points is not None
    assert face.box.dtype == face.points.dtype == np.float32
    assert face.points.shape == ((6, 2) if name == "blazeface" else (5, 2))
    labelled = 2 if name == "blazeface" else 5
    np.testing.assert_allclose(face.points[:labelled], ASTRONAUT[:labelled], atol=7)
    (mirrored,) = detector([np.ascontiguousarray(astronaut[:, ::-1])])[0]
    assert mirrored.points is not None
    expected = [[511 - x, y] for x, y in (ASTRONAUT[1], ASTRONAUT[0])]
    np.testing.assert_allclose(mirrored.points[:2], expected, atol=7)


def test_batches_of_several_sizes(detector: Detector) -> None:
    astronaut = np.ascontiguousarray(data.astronaut())
    images = [astronaut, astronaut[:300], np.zeros((64, 48, 3), np.uint8), astronaut]
    together = detector(images)
    assert [len(faces) for faces in together] == [1, 1, 0, 1]
    for image, faces in zip(images, together, strict=True):
        for one, other in zip(faces, detector([image])[0], strict=True):
            np.testing.assert_allclose(one.box, other.box, atol=0.02)
            assert one.points is not None
            assert other.points is not None
            np.testing.assert_allclose(one.points, other.points, atol=0.02)


def test_large_frames(detector: Detector) -> None:
    frame = np.full((1440, 2560, 3), 90, np.uint8)
    frame[200:712, 1800:2312] = data.astronaut()
    (face,) = detector([frame])[0]
    assert face.points is not None
    np.testing.assert_allclose(face.points[:2], np.add(ASTRONAUT[:2], [1800, 200]), atol=12)
