"""The faces of a faceset by frame, read when they are needed."""

from contextlib import closing

import numpy as np
import pyarrow.parquet as pq
import pytest

from faceswap.conversion.faces.kept_faces import KeptFaces
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import ROWS
from faceswap.facesets.writer import FacesetWriter
from tests.facesets.written import EXTRACTOR, SOURCE, row, write_whole

FACES = [(0, 0), (2, 0), (2, 1), (5, 0)]  # frame, face


@pytest.fixture
def faceset(tmp_path):
    """Faces in three frames, one of them deleted; the rows are not in the order of the frames."""
    path = tmp_path / "faces"
    writer = FacesetWriter(path, SOURCE, EXTRACTOR | {"maskers": []}, overwrite=False)
    (path / "images").mkdir(parents=True, exist_ok=True)
    for frame, face in FACES:
        (path / "images" / f"{frame:06d}-{face}.png").touch()
    write_whole(writer, [row(frame, face, track=3 + face) for frame, face in FACES], 6)
    rows = pq.read_table(path / ROWS).take([3, 1, 0, 2])
    pq.write_table(rows, path / ROWS, row_group_size=3)
    (path / "images" / "000000-0.png").unlink()
    return Faceset.open(path)


@pytest.mark.parametrize("meshes", [False, True])
def test_faces_are_those_of_the_faceset_by_frame(faceset, meshes):
    with closing(KeptFaces(faceset, meshes=meshes)) as faces:
        assert {frame: [face.track for face in faces[frame]] for frame in faces} == {
            2: [3, 4],
            5: [3],
        }
        assert [frame in faces for frame in range(7)] == [f in (2, 5) for f in range(7)]
        for expected, mesh in zip(faceset.faces(), faceset.meshes(), strict=True):
            if expected.frame == 0:
                continue
            face = faces[expected.frame][expected.face]
            np.testing.assert_array_equal(face.landmarks.points, expected.landmarks)
            np.testing.assert_array_equal(face.box, expected.box)
            assert face.score == expected.score
            if meshes:
                np.testing.assert_array_equal(face.landmarks.mesh, mesh)
            else:
                assert face.landmarks.mesh is None
