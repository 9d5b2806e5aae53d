import numpy as np

from faceswap.demonstration.talking_head.head_surface import rotation_matrix, smoothstep

NEAR = np.array([0.0, 0.0, -1.0])


def test_rotation_directions():
    assert (rotation_matrix(20, 0, 0) @ NEAR)[0] > 0.3  # to image right
    assert (rotation_matrix(0, 20, 0) @ NEAR)[1] < -0.3  # up
    top = np.array([0.0, -1.0, 0.0])
    assert (rotation_matrix(0, 0, 20) @ top)[0] > 0.3  # clockwise
    turned = rotation_matrix(13, -7, 5)
    np.testing.assert_allclose(turned @ turned.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turned) > 0.999


def test_smoothstep():
    np.testing.assert_allclose(smoothstep(np.array([-1, 0, 0.5, 1, 2])), [0, 0, 0.5, 1, 1])
