from dataclasses import replace

import cv2
import numpy as np
import pytest

from faceswap.geometry.mesh68 import PAIRS
from tests.meshes import face_mesh
from tools.fit_mesh68 import (
    Faces,
    aligned,
    corrected,
    fit_correction,
    fit_outline,
    held_out_landmarks,
)


def errors(faces: Faces, correction: np.ndarray, outline: np.ndarray | None = None) -> np.ndarray:
    return np.linalg.norm(corrected(faces, correction, outline) - faces.landmarks, axis=2)


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


def test_finds_how_the_outline_follows_the_direction_of_the_head(faces: Faces) -> None:
    """Of heads turned by -40 to 40 degrees, whose first jaw point moves with their yaw."""
    yaws = np.linspace(-0.7, 0.7, 40)
    turned = [
        mesh @ cv2.Rodrigues(np.array([0, yaw, 0]))[0].T
        for mesh, yaw in zip(faces.meshes, yaws, strict=True)
    ]
    shown = Faces(faces.pictures, np.stack(turned), faces.landmarks)
    none = np.zeros((68, 468))
    landmarks = corrected(shown, none)
    landmarks[:, 0, 0] += 0.1 * np.sin(yaws) ** 2
    outside = replace(shown, landmarks=landmarks)
    outline = fit_outline(outside, none)
    assert np.abs(outline[1:]).max() < 1e-9
    assert errors(outside, none)[:, 0].mean() > 0.01
    assert errors(outside, none, outline)[:, 0].mean() < 3e-3


def test_landmarks_beside_the_faces_are_recognised(faces: Faces) -> None:
    centred = replace(faces, landmarks=corrected(faces, np.zeros((68, 468))))
    beside = replace(faces, landmarks=np.add(centred.landmarks, [0.03, 0.01]))
    found, away = aligned(beside)
    assert away == pytest.approx(0.03)
    np.testing.assert_allclose(found.landmarks, np.add(centred.landmarks, [0, 0.01]))


def test_held_out_faces_of_one_picture_stay_together(monkeypatch, faces: Faces) -> None:
    fitted: list[set[str]] = []
    monkeypatch.setattr("tools.fit_mesh68.mirrored", lambda faces: faces.part(np.zeros(40, bool)))
    monkeypatch.setattr(
        "tools.fit_mesh68.fit_correction",
        lambda part, _: fitted.append(set(part.pictures)) or np.zeros((68, 468)),
    )
    pairs = Faces(np.repeat(faces.pictures[:20], 2), faces.meshes, faces.landmarks)
    held_out_landmarks(pairs, 1e-3)
    assert sum(20 - len(pictures) for pictures in fitted) == 20
