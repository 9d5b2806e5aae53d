import numpy as np

from faceswap.demonstration.talking_head.head_surface import rotation_matrix, smoothstep, thin_plate

NEAR = np.array([0.0, 0.0, -1.0])


def test_rotation_directions():
    assert (rotation_matrix(20, 0, 0) @ NEAR)[0] > 0.3  # to image right
    assert (rotation_matrix(0, 20, 0) @ NEAR)[1] < -0.3  # up
    top = np.array([0.0, -1.0, 0.0])
    assert (rotation_matrix(0, 0, 20) @ top)[0] > 0.3  # clockwise
    turned = rotation_matrix(13, -7, 5)
    np.testing.assert_allclose(turned @ turned.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turned) > 0.999


def test_thin_plate_fits_anchors_and_reproduces_planes():
    random = np.random.default_rng(0)
    anchors = random.uniform(-1, 1, (40, 2))
    nodes = random.uniform(-1, 1, (30, 2))
    plane = 2 + anchors @ [1.0, -3.0]
    np.testing.assert_allclose(
        thin_plate(anchors, plane, nodes), 2 + nodes @ [1.0, -3.0], atol=1e-6
    )
    hill = np.exp(-4 * (anchors**2).sum(1))
    assert np.abs(thin_plate(anchors, hill, anchors) - hill).max() < 0.02


def test_smoothstep():
    np.testing.assert_allclose(smoothstep(np.array([-1, 0, 0.5, 1, 2])), [0, 0, 0.5, 1, 1])
