"""Pictures of what is known of faces."""

import numpy as np
import pyarrow as pa
import pytest

from faceswap.core.errors import ConfigError, FacesetError, OutputExistsError
from faceswap.curation.drawing import LAYERS, draw_face, draw_faces, mesh_edges
from faceswap.facesets.edit import rewrite_rows
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.alignment import head_pose, transform_points
from faceswap.media.images import read_image, write_image
from tests.facesets.written import write_faceset
from tests.meshes import add_meshes


@pytest.fixture
def faceset(make_faceset, tmp_path) -> Faceset:
    return Faceset.open(add_meshes(make_faceset(tmp_path / "alice", faces=3)))


def changed(faceset: Faceset, layers) -> np.ndarray:
    """Pixels that layers change, ``(S, S) bool``."""
    face = faceset.faces()[1]
    plain = draw_face(faceset, face, []).astype(int)
    return np.abs(draw_face(faceset, face, layers).astype(int) - plain).max(-1) > 8


def test_landmarks_are_drawn_where_they_are(faceset):
    face = faceset.faces()[1]
    drawn = changed(faceset, ["landmarks"])
    zoom = len(drawn) // faceset.crop_size
    points = (transform_points(face.matrix, face.landmarks) + 0.5) * zoom - 0.5
    for x, y in np.round(points).astype(int):
        assert drawn[y - 2 : y + 3, x - 2 : x + 3].any()
    assert drawn.mean() < 0.1
    assert len(drawn) >= 768


def test_axes_start_in_the_head_and_point_along_it(faceset):
    face = faceset.faces()[1]
    zoom = 8
    ends = head_pose(face.landmarks).project([(0, 0, 0), (0.6, 0, 0), (0, -0.6, 0)])
    origin, right, up = (transform_points(face.matrix, ends) + 0.5) * zoom - 0.5
    picture = draw_face(faceset, face, ["axes"])
    red, green, _ = picture[tuple(np.round(0.5 * (origin + right)).astype(int)[::-1])].tolist()
    assert red > 200 > green
    red, green, _ = picture[tuple(np.round(0.5 * (origin + up)).astype(int)[::-1])].tolist()
    assert green > 200 > red


def test_what_is_outside_the_mask_is_darker(tmp_path):
    faceset = write_faceset(tmp_path / "clip")
    mask = np.zeros((32, 32), np.uint8)
    mask[:, 16:] = 255
    face = faceset.faces()[5]
    write_image(faceset.path / "images" / face.image, np.full((32, 32, 3), 200, np.uint8))
    write_image(faceset.path / "masks" / face.image, mask)
    picture = draw_face(faceset, face, ["mask"])
    assert picture[400, 100].tolist() == [80] * 3
    assert picture[400, 700].tolist() == [200] * 3


def test_the_edges_of_a_mesh_join_neighbours(faceset):
    meshes = faceset.meshes()[..., :2]
    edges = mesh_edges(faceset.meshes()[0])
    lengths = np.linalg.norm(np.diff(meshes[1][edges], axis=1)[:, 0], axis=1)
    extent = np.ptp(meshes[1], 0).max()
    assert 2 * 478 < len(edges) < 3 * 478
    assert np.median(lengths) < 0.1 * extent
    assert set(edges.ravel()) <= set(range(478))


def test_a_picture_for_each_face(faceset, tmp_path):
    done: list[int] = []
    folder = tmp_path / "pictures"
    draw_faces(faceset, faceset.faces(), folder, layers=LAYERS, on_faces=done.append)
    assert sorted(file.name for file in folder.iterdir()) == [f"00000{n}-0.jpg" for n in range(3)]
    assert read_image(folder / "000000-0.jpg").shape == (768, 768, 3)
    assert sum(done) == 3
    with pytest.raises(OutputExistsError):
        draw_faces(faceset, [], folder)
    with pytest.raises(ConfigError, match="'box'"):
        draw_faces(faceset, [], tmp_path / "new", layers=["box"])


def test_each_face_has_its_mesh(faceset, tmp_path, monkeypatch):
    changes = {face.image: 40 * row for row, face in enumerate(faceset.faces())}
    rewrite_rows(faceset.path, lambda rows: shifted(rows, changes))
    faceset = Faceset.open(faceset.path)
    meshes = faceset.meshes()
    monkeypatch.setattr(Faceset, "meshes", None)  # not read as a whole
    draw_faces(faceset, faceset.faces()[2:], tmp_path / "mesh", layers=["mesh"])
    face = faceset.faces()[2]
    expected = draw_face(faceset, face, ["mesh"], meshes[2], mesh_edges(meshes[0]))
    drawn = read_image(tmp_path / "mesh" / "000002-0.jpg").astype(int)
    assert np.abs(drawn - expected).mean() < 3
    other = draw_face(faceset, face, ["mesh"], meshes[0], mesh_edges(meshes[0]))
    assert np.abs(drawn - other).mean() > 5


def shifted(rows, changes):
    meshes = [
        (np.array(mesh) + changes[image]).tolist()
        for mesh, image in zip(rows["mesh"].to_pylist(), rows["image"].to_pylist(), strict=True)
    ]
    place = rows.schema.get_field_index("mesh")
    return rows.set_column(place, rows.field(place), pa.array(meshes, rows.field(place).type))


def test_a_faceset_without_meshes_has_none_to_draw(make_faceset, tmp_path):
    faceset = Faceset.open(make_faceset(tmp_path / "alice", faces=2))
    with pytest.raises(FacesetError, match="mesh"):
        draw_faces(faceset, faceset.faces(), tmp_path / "new", layers=["mesh"])
