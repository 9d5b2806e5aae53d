import numpy as np
import pytest

from faceswap.geometry.mesh68 import PAIRS
from tests.meshes import face_mesh
from tools.fit_mesh68 import Faces, errors, fit_correction, held_out_errors


@pytest.fixture(scope="module")
def faces() -> Faces:
    """Forty faces whose landmarks are the table's, moved by a twentieth of the face's width."""
    random = np.random.default_rng(0)
    meshes = [
        face_mesh(random.uniform(0, 0.1), random.uniform(0.9, 1.1))[:468] * random.uniform(0.8, 1.2)
        for _ in range(40)
    ]
    shown = np.stack(meshes)
    width = shown[:, 454] - shown[:, 234]
    landmarks = shown[:, PAIRS].mean(2) + 0.05 * width[:, None]
    return Faces(np.arange(40).astype(str), shown, landmarks[..., :2])


def test_finds_a_shift_in_proportion_to_the_face(faces: Faces) -> None:
    assert errors(faces, np.zeros((68, 468))).mean() > 0.03
    assert errors(faces, fit_correction(faces, 1e-6)).max() < 2e-3


def test_only_mesh_points_near_a_landmark_correct_it(faces: Faces) -> None:
    correction = fit_correction(faces, 1e-4)
    assert abs(correction[36, 33]) > 1e-3  # the corner of an eye
    assert abs(correction[36, [152, 454]]).max() < 1e-4  # chin, other cheek


def test_a_correction_does_not_depend_on_the_place_of_the_face(faces: Faces) -> None:
    assert np.abs(fit_correction(faces, 1e-3).sum(1)).max() < 1e-9


def test_held_out_faces_of_one_picture_stay_together(monkeypatch, faces: Faces) -> None:
    fitted: list[set[str]] = []
    monkeypatch.setattr("tools.fit_mesh68.mirrored", lambda faces: faces.part(np.zeros(40, bool)))
    monkeypatch.setattr(
        "tools.fit_mesh68.fit_correction",
        lambda part, _: fitted.append(set(part.pictures)) or np.zeros((68, 468)),
    )
    pairs = Faces(np.repeat(faces.pictures[:20], 2), faces.meshes, faces.landmarks)
    held_out_errors(pairs, 1e-3)
    assert sum(20 - len(pictures) for pictures in fitted) == 20
