"""Facesets of every n-th frame of a video in conversion."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from faceswap.conversion.faces.sparse_faces import complete
from faceswap.core.documents import read_json
from faceswap.core.errors import FacesetError
from faceswap.core.files import write_json
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import RECORD, ROWS
from faceswap.facesets.writer import FacesetWriter
from faceswap.geometry.alignment import HEAD_COVERAGE
from tests.facesets.written import write_whole
from tests.people.colours import SIDE, face_row

Tracks = dict[tuple[int, int], list[int]]
"""Frames of each track, with its place in the picture."""


def write(
    path: Path, tracks: Tracks, every: int = 1, people: dict[int, str] | None = None
) -> Faceset:
    """A faceset of the faces of tracks in every n-th frame."""
    source = {"name": "clip", "path": "clip", "kind": "video", "sha256": "a" * 64}
    extractor = {"crop_size": SIDE, "crop_coverage": HEAD_COVERAGE, "every": every}
    writer = FacesetWriter(path, source, extractor, overwrite=False, smooths=False)
    faces = sorted((i, place, t) for (t, place), indices in tracks.items() for i in indices)
    rows = []
    for index, place, track in faces:
        if index % every == 0:
            row = face_row(index, place, track) | {"person": (people or {}).get(track)}
            (path / "images" / f"{index:06d}-{place}.png").touch()
            rows.append(row)
    write_whole(writer, rows, 20)
    return Faceset.open(path)


def completed(sparse: Faceset, tracked: Faceset) -> dict[int, list[int]]:
    """Frames in which each track of the sparse faceset is swapped."""
    faceset, kept = complete(sparse, tracked)
    shown: dict[int, list[int]] = {}
    for face, swaps in zip(faceset.faces(), kept, strict=True):
        if swaps:
            shown.setdefault(face.track, []).append(face.frame)
    return shown


def choose(path: Path) -> Faceset:
    """The faceset as one from which faces were dropped."""
    write_json(path / RECORD, read_json(path / RECORD, error=FacesetError) | {"chosen": True})
    return Faceset.open(path)


def test_faces_between_have_the_track_and_the_person_of_the_faceset(tmp_path):
    sparse = write(tmp_path / "sparse", {(7, 0): [*range(20)]}, 5, {7: "anna"})
    tracked = write(tmp_path / "tracked", {(0, 0): [*range(20)]})
    assert completed(sparse, tracked) == {7: [*range(20)]}
    faceset, _ = complete(sparse, tracked)
    assert {face.person for face in faceset.faces()} == {"anna"}
    assert [face.frame for face in faceset.faces()] == [*range(20)]


def test_a_face_that_the_faceset_never_has_is_left_out_on_a_track_of_its_own(tmp_path):
    sparse = write(tmp_path / "sparse", {(4, 1): [*range(20)]}, 5)
    tracked = write(tmp_path / "tracked", {(4, 0): [*range(20)], (1, 1): [*range(20)]})
    assert completed(sparse, tracked) == {4: [*range(20)]}
    faceset, kept = complete(sparse, tracked)
    others = {face.track for face, swaps in zip(faceset.faces(), kept, strict=True) if not swaps}
    assert len(others) == 1
    assert others.isdisjoint({1, 4})


def test_a_new_face_is_there_from_its_first_frame_to_its_last_one(tmp_path):
    sparse = write(tmp_path / "sparse", {(2, 0): [*range(7, 13)]}, 5)
    tracked = write(tmp_path / "tracked", {(0, 0): [*range(7, 13)]})
    assert completed(sparse, tracked) == {2: [*range(7, 13)]}


def test_a_face_that_the_extraction_missed_once_is_the_one_around_it(tmp_path):
    sparse = write(tmp_path / "sparse", {(2, 0): [i for i in range(20) if i != 10]}, 5)
    tracked = write(tmp_path / "tracked", {(0, 0): [*range(20)]})
    assert completed(sparse, tracked) == {2: [*range(20)]}


def test_a_face_that_was_dropped_is_left_out_in_its_frame(tmp_path):
    write(tmp_path / "sparse", {(2, 0): [i for i in range(20) if i not in (10, 15)]}, 5)
    tracked = write(tmp_path / "tracked", {(0, 0): [*range(20)]})
    assert completed(choose(tmp_path / "sparse"), tracked) == {2: [*range(10)]}
    faceset, _ = complete(choose(tmp_path / "sparse"), tracked)
    assert {face.track for face in faceset.faces()} == {2}


def test_deleted_faces_are_not_swapped_in_the_frames_next_to_them(tmp_path):
    sparse = write(tmp_path / "sparse", {(2, 0): [*range(20)]}, 5)
    (tmp_path / "sparse/images/000010-0.png").unlink()
    tracked = write(tmp_path / "tracked", {(0, 0): [*range(20)]})
    assert completed(sparse, tracked) == {2: [*range(8), *range(13, 20)]}


def test_a_track_that_changes_person_changes_where_the_faces_are_nearest(tmp_path):
    sparse = write(tmp_path / "sparse", {(3, 0): [*range(10)], (6, 0): [*range(10, 20)]}, 5)
    tracked = write(tmp_path / "tracked", {(0, 0): [*range(20)]})
    assert completed(sparse, tracked) == {3: [*range(8)], 6: [*range(8, 20)]}


def test_two_faces_do_not_take_the_place_of_each_other(tmp_path):
    tracks = {(0, 1): [*range(20)], (1, 0): [*range(20)]}
    sparse = write(tmp_path / "sparse", {(8, 0): [*range(20)], (9, 1): [*range(20)]}, 5)
    faceset, _ = complete(sparse, write(tmp_path / "tracked", tracks))
    places = {(face.track, face.face) for face in faceset.faces()}
    assert places == {(8, 0), (9, 1)}


def test_a_track_has_one_face_in_each_frame(tmp_path):
    """Two faces that the extraction linked overlap between its frames: the nearer one has it."""
    sparse = write(tmp_path / "sparse", {(3, 0): [0, 5], (3, 1): [10, 15]}, 5, {3: "anna"})
    tracks = {(0, 0): [*range(9)], (1, 1): [*range(6, 20)]}
    tracked = write(tmp_path / "tracked", tracks)
    shown = completed(sparse, tracked)
    others = {track: indices for track, indices in shown.items() if track != 3}
    assert shown[3] == [*range(20)]
    assert sorted(others.values()) == [[6, 7], [8]]
    faces = list(complete(sparse, tracked)[0].faces())
    assert {face.face for face in faces if face.track == 3 and face.frame in (6, 7)} == {0}
    assert {face.person for face in faces} == {"anna"}


def test_facesets_of_earlier_versions_that_took_pixels_for_square_ones(tmp_path):
    sparse = write(tmp_path / "sparse", {(2, 0): [*range(20)]}, 5)
    tracked = write(tmp_path / "tracked", {(0, 0): [*range(20)]})
    rows = pq.read_table(tracked.path / ROWS)
    wide = [np.reshape(one, (68, 2)) * [2.2, 1] for one in rows["landmarks"].to_pylist()]
    column = [one.ravel().tolist() for one in wide]
    place, field = rows.schema.get_field_index("landmarks"), rows.schema.field("landmarks")
    pq.write_table(rows.set_column(place, field, pa.array(column, field.type)), tracked.path / ROWS)
    assert completed(sparse, Faceset.open(tracked.path)) == {}
    record = read_json(tracked.path / RECORD, error=FacesetError)
    record["extractor"]["pixel_aspect"] = 2.2
    write_json(tracked.path / RECORD, record)
    assert completed(sparse, Faceset.open(tracked.path)) == {2: [*range(20)]}
