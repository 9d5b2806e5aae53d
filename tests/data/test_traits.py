from dataclasses import replace

import numpy as np

from faceswap.data.balance import Balance, face_weights
from faceswap.data.matching import expressions
from faceswap.data.people_split import people_of
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


def test_people_of_the_crowd_are_counted_as_the_held_out_split_counts_them(make_faceset, tmp_path):
    sets = [Faceset.open(make_faceset(tmp_path / name, faces=4, size=16)) for name in "abc"]
    for faceset in sets:
        faceset.subject["name"] = "" if faceset is sets[2] else "anna"
    pairs = [
        (faceset, replace(face, person=person))
        for faceset in sets
        for face, person in zip(faceset.trainable(), ["1", "1", "2", "2"], strict=True)
    ]
    crowd = measure_traits(pairs, crowd=True)
    assert crowd.people.tolist() == [0] * 8 + [1] * 2 + [2] * 2
    people = people_of(pairs)
    assert [people.index(name) for name in people] == [0] * 8 + [8] * 2 + [10] * 2
    np.testing.assert_array_equal(crowd.sources, crowd.people)
    weights = face_weights(crowd, Balance(sources=True))
    np.testing.assert_allclose(np.bincount(crowd.people, weights), [4] * 3)
    one = measure_traits(pairs)
    assert not one.people.any()
    assert one.sources.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
