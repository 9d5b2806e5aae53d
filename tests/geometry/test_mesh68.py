import numpy as np
import pytest
from PIL import Image

from faceswap.detectors import build_detector
from faceswap.geometry.mesh68 import mesh_to_68
from faceswap.landmarkers import build_landmarker
from faceswap.tracking.tracker import Tracker


def test_shape_and_the_mean_of_two():
    mesh = np.zeros((3, 478, 2), np.float32)
    mesh[:, 234], mesh[:, 227] = 2, 4
    mesh[:, 61] = 7
    points = mesh_to_68(mesh)
    assert points.shape == (3, 68, 2)
    assert (points[:, 1] == 3).all()  # a jaw point between two
    assert (points[:, 48] == 7).all()  # corner of the mouth, one


@pytest.mark.slow
def test_accuracy_on_300w(shared_data):
    """The default stack from the picture to the points; its own face is the central one."""
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
    assert mean.mean() < 0.07
    assert mean[17:].mean() < 0.06
