import numpy as np

from faceswap.data.matching import expressions
from faceswap.data.traits import measure_traits
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.alignment import normalised_matrix, transform_points
from faceswap.geometry.landmarks68 import mouth_gap


def test_traits_of_stored_faces(make_faceset, tmp_path):
    sets = [Faceset.open(make_faceset(tmp_path / name, size=16)) for name in "ab"]
    pairs = [(faceset, face) for faceset in sets for face in faceset.trainable()]
    traits = measure_traits(pairs)
    faces = [face for _, face in pairs]
    np.testing.assert_array_equal(traits.expressions, expressions([f.landmarks for f in faces]))
    np.testing.assert_allclose(traits.angles, [(f.yaw, f.pitch) for f in faces])
    np.testing.assert_allclose(traits.sharpness, [f.sharpness for f in faces])
    half = len(pairs) // 2
    assert traits.sources.tolist() == [0] * half + [1] * half
    # In the training square, half of which is the unit of normalised coordinates.
    expected = transform_points(normalised_matrix(faces[3].landmarks, 1.25), faces[3].landmarks)
    np.testing.assert_allclose(traits.landmarks[3] * 2 / 1.25, expected, atol=1e-5)
    np.testing.assert_allclose(traits.openings[:, 0], mouth_gap(traits.landmarks), atol=1e-6)
