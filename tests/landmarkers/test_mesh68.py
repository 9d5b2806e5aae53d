import numpy as np
import pytest
from PIL import Image

from faceswap.landmarkers import Roi, build_landmarker
from faceswap.landmarkers.facemesh import roi_from_mesh
from faceswap.landmarkers.mesh68 import mesh_to_68


def test_shape_and_the_mean_of_two():
    mesh = np.zeros((3, 468, 2), np.float32)
    mesh[:, 234], mesh[:, 227] = 2, 4
    mesh[:, 61] = 7
    points = mesh_to_68(mesh)
    assert points.shape == (3, 68, 2)
    assert (points[:, 1] == 3).all()  # a jaw point between two
    assert (points[:, 48] == 7).all()  # corner of the mouth, one


@pytest.mark.slow
def test_accuracy_on_300w(shared_data):
    truth = np.load(shared_data / "landmarks68" / "dev.npz")
    landmarker = build_landmarker("facemesh")
    errors = []
    for name, points in zip(truth["names"], truth["pts"], strict=True):
        image = np.asarray(
            Image.open(shared_data / "landmarks68" / "dev" / str(name)).convert("RGB")
        )
        face = landmarker(image, [Roi((127.5, 127.5), 230.0, 0.0)])[0]
        for _ in range(2):
            face = landmarker(image, [roi_from_mesh(face.mesh)])[0]
        between_eyes = np.linalg.norm(points[36] - points[45])
        errors.append(np.linalg.norm(face.points - points, axis=1) / between_eyes)
    mean = np.mean(errors, axis=0)
    print(f"NME over inter-ocular distance: 68 {mean.mean():.4f}, inner 51 {mean[17:].mean():.4f}")
    assert mean.mean() < 0.065
    assert mean[17:].mean() < 0.055
