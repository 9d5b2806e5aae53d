"""Columns that conditions and orders may name."""

import numpy as np

from faceswap.curation.columns import KINDS, numbers, read_columns
from faceswap.curation.measures import MEASURES, PIXEL_MEASURES
from tests.facesets.written import write_faceset


def test_every_column_is_known_and_has_a_row_per_face(tmp_path):
    faceset = write_faceset(tmp_path / "clip")
    assert {*MEASURES, *PIXEL_MEASURES, "frame", "track", "image", "mask", "score"} <= set(KINDS)
    assert not {"landmarks", "box", "matrix", "mesh", "embedding"} & set(KINDS)
    faces = faceset.faces()[1:4]
    table = read_columns(faceset, faces, list(KINDS))
    assert set(table.column_names) == set(KINDS)
    assert table.num_rows == 3
    assert table["frame"].to_pylist() == [1, 2, 3]
    assert table["image"].to_pylist() == [face.image for face in faces]
    assert numbers(table, "size").tolist() == [MEASURES["size"].of([face])[0] for face in faces]


def test_only_measures_of_pixels_read_images(tmp_path):
    faceset = write_faceset(tmp_path / "clip")
    read = []
    read_columns(faceset, faceset.faces(), ["size", "yaw", "frame"], read.append)
    assert not read
    table = read_columns(faceset, faceset.faces(), ["brightness"], read.append)
    assert sum(read) == 6
    assert np.isfinite(numbers(table, "brightness")).all()
