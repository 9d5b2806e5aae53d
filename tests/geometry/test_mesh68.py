import numpy as np
import pytest
from PIL import Image

from faceswap.detectors import build_detector
from faceswap.geometry.mesh68 import PAIRS, mesh_to_68
from faceswap.landmarkers import build_landmarker
from faceswap.tracking.tracker import Tracker
from tests.meshes import face_mesh


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_keeps_type_and_leading_dimensions_and_ignores_irises(dtype):
    mesh = np.stack([face_mesh(), face_mesh(0.1)])[:, None].astype(dtype)
    points = mesh_to_68(mesh)
    assert points.dtype == dtype
    assert points.shape == (2, 1, 68, 3)
    np.testing.assert_allclose(mesh_to_68(mesh[..., :468, :2]), points[..., :2], atol=1e-6)


def test_landmarks_move_with_the_head():
    mesh = face_mesh(0.1)
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    moved = mesh_to_68(70 * mesh @ turn + [3000, 2000, -50])
    np.testing.assert_allclose(moved, 70 * mesh_to_68(mesh) @ turn + [3000, 2000, -50], atol=1e-9)


def test_jitter_is_not_amplified():
    """White noise on the mesh: landmarks are as steady as its points."""
    reduction = mesh_to_68(np.eye(468))
    np.testing.assert_allclose(reduction.sum(1), 1, atol=1e-9)
    assert np.linalg.norm(reduction, axis=1).mean() < 1.1
    assert np.linalg.norm(reduction, axis=1).max() < 2


def test_both_sides_of_a_face_are_treated_alike():
    weights = mesh_to_68(np.eye(468)) - 0.5 * np.eye(468)[PAIRS].sum(1)
    # Eye corners, mouth corners, chin; of the mesh also its own counterparts of them.
    landmarks, others = [36, 39, 48, 8, 0, 17], [45, 42, 54, 8, 16, 26]
    left, right = [33, 133, 61, 152, 1, 234], [263, 362, 291, 152, 1, 454]
    np.testing.assert_allclose(
        weights[np.ix_(landmarks, left)], weights[np.ix_(others, right)], atol=1e-4
    )


@pytest.mark.slow
def test_accuracy_on_300w(shared_data):
    """The default stack from the picture to the points; its own face is the central one.

    The correction was fitted on these faces; by cross-validation it is 0.001 worse.
    """
    truth = np.load(shared_data / "landmarks68" / "dev.npz")
    tracker = Tracker(build_detector("blazeface"), build_landmarker("facemesh"))
    errors, missed = [], 0
    for name, points in zip(truth["names"], truth["pts"], strict=True):
        with Image.open(shared_data / "landmarks68" / "dev" / str(name)) as picture:
            faces = tracker.find_faces(np.asarray(picture.convert("RGB")))
        centers = [np.abs(face.landmarks.points.mean(axis=0) - 127.5).max() for face in faces]
        if not faces or min(centers) > 60:
            missed += 1
            continue
        found = faces[int(np.argmin(centers))].landmarks.points
        between_eyes = np.linalg.norm(points[36] - points[45])
        errors.append(np.linalg.norm(found - points, axis=1) / between_eyes)
    mean = np.mean(errors, axis=0)
    print(f"NME: 68 {mean.mean():.4f}, inner 51 {mean[17:].mean():.4f}; missed {missed}")
    assert missed <= 5
    assert mean.mean() < 0.055
    assert mean[17:].mean() < 0.045
