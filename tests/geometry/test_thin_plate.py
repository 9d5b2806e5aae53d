import numpy as np

from faceswap.geometry.thin_plate import thin_plate


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


def test_several_values_are_interpolated_at_once():
    random = np.random.default_rng(0)
    anchors, nodes = random.uniform(-1, 1, (20, 2)), random.uniform(-1, 1, (30, 2))
    values = random.normal(size=(20, 3))
    each = [thin_plate(anchors, column, nodes) for column in values.T]
    np.testing.assert_allclose(thin_plate(anchors, values, nodes), np.stack(each, 1))
