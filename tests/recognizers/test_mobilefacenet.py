import itertools

import cv2
import numpy as np
import pytest

from faceswap.core.errors import ConfigError, ModelFileError, WeightsUnavailable
from faceswap.geometry.alignment import transform_points
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.recognizers import build_recognizer, mobilefacenet
from faceswap.recognizers.mobilefacenet import five_points, normalised, template_matrix
from faceswap.tracking.finder import build_tracker


def face_points(scale=90.0, degrees=0.0, shift=(150, 130)):
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return scale * MEAN_FACE[:, :2] @ turn.T + np.array(shift)


def test_eyes_lie_level_and_where_the_network_learnt_them():
    for degrees in (-70, 0, 25, 180):
        points = face_points(degrees=degrees)
        placed = transform_points(template_matrix(points), five_points(points))
        assert np.abs(placed[0] - (38.29, 51.70)).max() < 8
        assert np.abs(placed[1] - (73.53, 51.50)).max() < 8
        assert placed[0][1] == pytest.approx(placed[1][1], abs=0.6)


def test_the_cut_does_not_depend_on_place_size_or_tilt():
    points = face_points()
    first = transform_points(template_matrix(points), points)
    other = face_points(scale=31, degrees=40, shift=(-20, 400))
    np.testing.assert_allclose(transform_points(template_matrix(other), other), first, atol=1e-6)


def test_five_points():
    points = np.zeros((68, 2))
    points[36:42, 0] = np.arange(6)
    points[42:48, 1] = 7
    points[30], points[48], points[54] = (1, 2), (3, 4), (5, 6)
    assert five_points(points).tolist() == [[2.5, 0], [0, 7], [1, 2], [3, 4], [5, 6]]


def test_normalised():
    assert normalised([3.0, 4.0]).tolist() == pytest.approx([0.6, 0.8])
    assert normalised([0.0, 0.0]).tolist() == [0, 0]


def test_unknown_name_and_missing_or_foreign_files_raise(tmp_path):
    with pytest.raises(ConfigError, match="Unknown recognizer"):
        build_recognizer("mobilefacenett")
    with pytest.raises(WeightsUnavailable, match="does not exist"):
        build_recognizer(weights=tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("not a network")
    with pytest.raises(ModelFileError, match="ONNX"):
        mobilefacenet.mobilefacenet(tmp_path / "text.onnx")


@pytest.mark.usefixtures("shared_weights")
def test_embeddings_distinguish_people(shared_data):
    """AT&T's photographs: one person is near .8, two are near .1."""
    network = build_recognizer()
    tracker = build_tracker()
    people = []
    for person in sorted((shared_data / "orl_faces").iterdir())[:4]:
        embeddings = []
        for file in sorted(person.iterdir())[:3]:
            grey = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
            assert grey is not None
            image = cv2.copyMakeBorder(grey, 40, 40, 40, 40, cv2.BORDER_REPLICATE)
            image = np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB), np.uint8)
            faces = tracker.find_faces(image)
            embeddings += list(network([image], [face.landmarks.points for face in faces[:1]]))
        people.append(embeddings)
    assert sum(len(person) for person in people) >= 10
    assert all(np.linalg.norm(one) == pytest.approx(1, abs=1e-5) for one in people[0])
    same = [a @ b for person in people for a, b in itertools.combinations(person, 2)]
    apart = [a @ b for p, q in itertools.combinations(people, 2) for a in p for b in q]
    assert np.mean(same) > 0.65
    assert np.mean(apart) < 0.25
