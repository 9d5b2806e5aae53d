import numpy as np
import pytest
import torch

from faceswap.geometry.mesh_shape import LOWER_LIDS, LOWER_LIP, UPPER_LIDS, UPPER_LIP
from faceswap.models.anchored.regions import openings, upper_half
from tests.meshes import face_mesh

MESH = torch.from_numpy(0.8 * face_mesh(opening=0.15)[:, :2]).float()
MESH[[10, 1, 152]] = torch.tensor([[0.0, -0.7], [0.0, 0.05], [0.0, 0.6]])  # forehead, nose, chin
SIDE = 64


def at(image, point):
    """Value of an image at a place in normalised coordinates."""
    x, y = ((point + 1) * SIDE / 2).long().tolist()
    return float(image[y, x])


def test_openings_are_inside_eyes_and_mouth_and_nowhere_else():
    found = openings(MESH[None], SIDE)[0, 0]
    for upper, lower in (
        (UPPER_LIDS[:7], LOWER_LIDS[:7]),
        (UPPER_LIDS[7:], LOWER_LIDS[7:]),
        (UPPER_LIP, LOWER_LIP),
    ):
        assert at(found, MESH[np.r_[upper, lower]].mean(0)) > 0.9
    eye, mouth = MESH[UPPER_LIDS[:7]].mean(0), MESH[LOWER_LIP].mean(0)
    cheek = torch.stack([1.6 * eye[0], (eye[1] + mouth[1]) / 2])
    assert at(found, cheek) < 0.01
    assert at(found, MESH[10]) < 0.01  # forehead
    assert found.min() >= 0
    assert found.max() <= 1


@pytest.mark.parametrize("turned", [False, True])
def test_the_border_of_the_halves_follows_the_axis_of_the_face(turned):
    shape = MESH.flip(1) if turned else MESH  # reflected: a face that lies on its side
    upper = upper_half(shape[None], SIDE)[0, 0]
    for point in (10, *UPPER_LIDS, *LOWER_LIDS):
        assert at(upper, shape[point]) == 1
    for point in (152, *UPPER_LIP, *LOWER_LIP):
        assert at(upper, shape[point]) == 0
