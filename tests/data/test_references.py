import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from faceswap.core.errors import FacesetError
from faceswap.data.references import choose_references, cut_references, measure_geometry
from faceswap.data.sampling import split_facesets
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.rows import SCHEMA
from faceswap.geometry.alignment import normalised_matrix, transform_points
from tests.meshes import add_meshes, face_mesh

COVERAGE = 1.25


@pytest.fixture
def pairs(make_faceset, tmp_path):
    """Faces of two facesets of one person."""
    sets = [Faceset.open(add_meshes(make_faceset(tmp_path / name))) for name in ("a", "b")]
    return [(faceset, face) for faceset in sets for face in faceset.trainable()]


def test_meshes_are_normalised_by_the_landmarks(pairs):
    geometry = measure_geometry(pairs, np.arange(len(pairs)), COVERAGE)
    assert geometry.meshes().shape == (96, 478, 2)
    for place in (0, 50):
        faceset, face = pairs[place]
        matrix = normalised_matrix(face.landmarks, COVERAGE)
        expected = transform_points(matrix, faceset.meshes()[place % 48][:, :2])
        np.testing.assert_allclose(geometry.meshes()[place], expected, atol=1e-5)


def test_rows_of_deleted_faces_are_left_out(make_faceset, tmp_path):
    faceset = Faceset.open(add_meshes(make_faceset(tmp_path / "a")))
    (tmp_path / "a" / "images" / faceset.faces()[0].image).unlink()
    kept = [(faceset, face) for face in faceset.trainable()]
    geometry = measure_geometry(kept, np.arange(47), COVERAGE)
    matrix = normalised_matrix(kept[0][1].landmarks, COVERAGE)
    expected = transform_points(matrix, faceset.meshes()[1][:, :2])
    np.testing.assert_allclose(geometry.meshes()[0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda mesh, frame: mesh + 3000 * (frame == 9), "for 000009-0.png of .* reaches"),
        (lambda mesh, frame: mesh * (50 if frame == 9 else 1), "for 000009-0.png of .* reaches"),
        (lambda mesh, frame: mesh * [0.03, 1, 1], "found flat ones"),
    ],
)
def test_meshes_of_something_else_are_refused(make_faceset, tmp_path, change, found):
    file = add_meshes(make_faceset(tmp_path / "a")) / "faces.parquet"
    rows = pq.read_table(file).to_pylist()
    for row in rows:
        mesh = np.array(row["mesh"]).reshape(478, 3)
        row["mesh"] = change(mesh, row["frame"]).astype(np.float32).ravel()
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), file)
    faceset = Faceset.open(tmp_path / "a")
    pairs = [(faceset, face) for face in faceset.faces()]
    with pytest.raises(FacesetError, match=found):
        measure_geometry(pairs, np.arange(48), COVERAGE)


def test_another_person_shows_the_same_expression(pairs):
    geometry = measure_geometry(pairs, np.arange(len(pairs)), COVERAGE)
    own = geometry.shown_by(geometry.shape.neutral)
    np.testing.assert_allclose(own.meshes(), geometry.meshes(), atol=1e-6)
    wider = geometry.shape.neutral * [1.2, 1, 1]
    other = geometry.of(np.array([7, 8])).shown_by(wider)
    assert other.meshes().shape == (2, 478, 2)
    assert np.ptp(other.meshes()[..., 0]) > 1.1 * np.ptp(geometry.meshes()[7, :, 0])


def test_references_are_sharp_training_faces(pairs):
    training, held_out = split_facesets(pairs, 0.2)
    geometry = measure_geometry(pairs, training, COVERAGE)
    chosen = choose_references(pairs, training, geometry, 20)
    assert len(set(chosen.tolist())) == 20
    assert set(chosen) <= set(training)
    assert not set(chosen) & set(held_out)
    ranked = sorted(training, key=lambda face: pairs[face][1].sharpness)
    assert not set(chosen) & set(ranked[: len(ranked) // 5 - 1])


def test_fewer_faces_give_fewer_references(pairs):
    geometry = measure_geometry(pairs, np.arange(len(pairs)), COVERAGE)
    assert set(choose_references(pairs, np.arange(3), geometry, 20)) <= {0, 1, 2}


def test_the_neutral_mesh_is_that_of_the_training_faces(pairs):
    """Held-out faces do not change it: their mouths are open."""
    mouths = np.array([np.sin(face.frame / 3) for _, face in pairs])
    closed = np.argsort(mouths)[:40]
    neutral = measure_geometry(pairs, closed, COVERAGE).shape.neutral
    opened = measure_geometry(pairs, np.argsort(mouths)[40:], COVERAGE).shape.neutral
    gap = [mesh[14, 1] - mesh[13, 1] for mesh in (neutral, opened)]
    assert gap[0] < 0.02 < gap[1]
    assert neutral.shape == face_mesh().shape


def test_crops_are_those_of_conversion_at_the_size_of_the_model(pairs):
    geometry = measure_geometry(pairs, np.arange(len(pairs)), COVERAGE)
    chosen = np.array([5, 60])
    references = cut_references(pairs, chosen, geometry, 80, COVERAGE)
    assert references.crops.shape == (2, 80, 80, 3)
    assert references.masks.shape == (2, 64, 64)
    np.testing.assert_allclose(references.meshes, geometry.meshes()[chosen])
    # The face is inside its mask, and its skin is where the nose is.
    assert (references.masks[:, 32, 32] == 255).all()
    assert (references.masks[:, 0] < 20).all()
    x, y = ((references.meshes[0, 4] + 1) * 40).astype(int)
    np.testing.assert_allclose(references.crops[0, y, x], (220, 170, 140), atol=8)
