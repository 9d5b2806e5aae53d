"""Expressions by name: known openings are found, and the pose of the head changes nothing."""

from dataclasses import replace

import numpy as np
import pytest

from faceswap.curation.facial_expression import EXPRESSION, facial_expressions, frontal_landmarks
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.landmarks68 import MOUTH_CORNERS
from faceswap.geometry.mean_face import MEAN_FACE
from tests.meshes import add_meshes


def turned(yaw: float, pitch: float) -> np.ndarray:
    """Rotation of a head to image right and upwards, in degrees."""
    y, p = np.radians([-yaw, pitch])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    return about_x @ about_y


@pytest.fixture
def faceset(make_faceset, tmp_path) -> Faceset:
    return Faceset.open(add_meshes(make_faceset(tmp_path / "a")))


def test_mesh_expressions_follow_mouth_and_lids(faceset) -> None:
    pairs = [(faceset, face) for face in faceset.faces()]
    found = dict(zip(EXPRESSION, facial_expressions(pairs, meshes=True).T, strict=True))
    opening = 0.08 * (1 + np.sin(np.arange(48) / 3))
    assert np.corrcoef(found["mouth opening"], opening)[0, 1] > 0.999
    assert found["eyes"][7] < 0.2
    assert found["eyes"][8] == pytest.approx(1, abs=0.05)
    assert np.abs(found["mouth width"]).max() < 0.02


def test_landmark_expressions_follow_mouth_and_lids(faceset) -> None:
    pairs = [(faceset, face) for face in faceset.faces()]
    found = dict(zip(EXPRESSION, facial_expressions(pairs, meshes=False).T, strict=True))
    blinking = np.arange(48) % 7 == 0
    assert found["eyes"][blinking].max() < found["eyes"][~blinking].min()
    assert np.ptp(found["mouth width"]) < 0.02


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (35, 0), (-50, 10), (10, -25)])
def test_landmarks_are_turned_to_the_front(faceset, yaw: float, pitch: float) -> None:
    smiling = MEAN_FACE.copy()
    smiling[list(MOUTH_CORNERS), 0] *= 1.3
    seen = 90 * (smiling @ turned(yaw, pitch).T)[:, :2] + [300, 200]
    (frontal,) = frontal_landmarks([replace(faceset.faces()[0], landmarks=seen)])
    # The fitted square is a little larger for a wider mouth.
    assert frontal == pytest.approx(smiling[:, :2], abs=0.02)


def test_no_faces_have_no_expressions() -> None:
    assert facial_expressions([], meshes=True).shape == (0, len(EXPRESSION))
