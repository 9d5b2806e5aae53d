"""Facesets of every n-th frame in conversion."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from faceswap.conversion.faces.source_faces import complete_faces, find_faces
from faceswap.conversion.faces.sparse_faces import track_between
from faceswap.extraction.imported_faces import read_imported_faces
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import ROWS
from faceswap.geometry.alignment import head_pose
from faceswap.media.frame import Frame
from faceswap.media.hashed_source import hash_source
from faceswap.media.sources import find_sources
from faceswap.media.video import VideoReader
from faceswap.tracking.finder import build_tracker
from faceswap.tracking.settings import TrackerSettings
from faceswap.tracking.tracker import Tracker
from tests.facesets.test_edit import make_version_2
from tests.footage import moving_portrait, plain_picture, write_clip
from tests.tracking.faces import face

FRAMES = 14
SHAPE = np.random.default_rng(3).uniform(0, 100, (478, 3)).astype(np.float32)
AWAY = np.array([200, 0, 0], np.float32)


def scripted(faces):
    """Frames with given faces."""
    for i, found in enumerate(faces):
        yield Frame(i, i, i / 25, np.zeros((4, 4, 3), np.uint8)), found


def tracks(found):
    return [[one.track for one in faces] for _, faces in found]


def here(track):
    return face(SHAPE, track)


def there(track):
    return face(SHAPE + AWAY, track)


def test_frames_between_have_the_tracks_of_the_faceset():
    tracked = scripted([[here(0)]] * 5)
    found = list(track_between(tracked, {0: [here(7)], 3: [here(7)]}, 3))
    assert tracks(found) == [[7]] * 5


def test_a_face_that_the_faceset_leaves_out_is_left_out_between():
    tracked = scripted([[here(0), there(1)]] * 7)
    stored = {0: [here(4)], 3: [here(4)], 6: [here(4)]}
    assert tracks(track_between(tracked, stored, 3)) == [[4]] * 7


def test_a_new_face_is_there_from_its_first_frame_on():
    tracked = scripted([[], [], [here(0)], [here(0)], [here(0)]])
    found = track_between(tracked, {4: [here(2)]}, 4)
    assert tracks(found) == [[], [], [2], [2], [2]]


def test_after_a_cut_the_next_frame_of_the_faceset_tells_the_tracks():
    tracked = scripted([[here(0)], [here(0)], [there(1)], [there(1)], [there(1)]])
    stored = {0: [here(5)], 3: [there(6)]}
    assert tracks(track_between(tracked, stored, 3)) == [[5], [5], [6], [6], [6]]


def test_a_long_wait_ends_without_the_face():
    tracked = scripted([[]] + [[here(0)]] * 99)
    taken = []

    def source():
        for frame, faces in tracked:
            taken.append(frame.index)
            yield frame, faces

    for frame, _ in track_between(source(), {0: []}, 1000):
        assert len(taken) <= frame.index + 27


@pytest.fixture(scope="module")
def source(clip):
    return find_sources([clip])[0]


@pytest.fixture
def sparse(source, tmp_path):
    """Folder of a faceset of every third frame."""
    extract_source(source, tmp_path / "faces", ExtractSettings(every=3))
    return tmp_path / "faces"


def complete(source, path, meshes=False):
    """Faces of each frame of a source, from a faceset of some."""
    faceset, frames = Faceset.open(path), VideoReader(source.path)
    found = complete_faces(frames, faceset, hash_source(source), "cpu", meshes=meshes)
    return [faces for _, faces in found]


def change_rows(path, change):
    pq.write_table(change(pq.read_table(path / ROWS)), path / ROWS)


def sizes(faces):
    return np.array([head_pose(one.landmarks).scale for (one,) in faces])


@pytest.mark.parametrize("meshes", [True, False])
def test_a_sparse_faceset_gives_the_faces_of_all_frames(source, sparse, meshes):
    assert len(Faceset.open(sparse).faces()) == 5
    found = complete(source, sparse, meshes)
    whole = find_faces(VideoReader(source.path), "video", build_tracker())
    for (ours,), (_, (theirs,)) in zip(found, whole, strict=True):
        away = np.linalg.norm(ours.landmarks - theirs.landmarks, axis=1).mean()
        assert away < 0.03 * np.ptp(theirs.landmarks[:, 0])
        assert (ours.track, ours.mesh is not None) == (0, meshes)


def test_faces_that_a_selection_left_out_are_not_filled(source, sparse):
    change_rows(sparse, lambda rows: rows.filter(pc.field("frame") != 6))
    assert [len(faces) for faces in complete(source, sparse)] == [i != 6 for i in range(FRAMES)]


@pytest.mark.parametrize("gap", [0, 5])
def test_gaps_of_the_tracker_are_filled_as_in_the_extraction(tmp_path, gap):
    def covered(index):
        return plain_picture(index) if index in (5, 6) else moving_portrait(index)

    (source,) = find_sources([write_clip(tmp_path / "covered.mp4", FRAMES, covered)])
    settings = ExtractSettings(every=4, fill_gaps=gap)
    tracker = build_tracker()
    tracker = Tracker(tracker.detector, tracker.landmarker, TrackerSettings(min_similarity=-1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "faceswap.conversion.faces.source_faces.build_tracker", lambda *_, **__: tracker
        )
        extract_source(source, tmp_path / "faces", settings)
        found = complete(source, tmp_path / "faces")
    assert [i for i, faces in enumerate(found) if not faces] == ([] if gap else [5, 6])


def test_landmarks_of_earlier_versions_are_those_that_are_tracked_between(source, sparse):
    expected = sizes(complete(source, sparse))

    def larger(rows):
        points = [(1.3 * np.array(one)).tolist() for one in rows["landmarks"].to_pylist()]
        place = rows.schema.get_field_index("landmarks")
        return rows.set_column(place, rows.field(place), pa.array(points, rows.field(place).type))

    make_version_2(sparse)
    change_rows(sparse, larger)
    np.testing.assert_allclose(sizes(complete(source, sparse)), expected, rtol=0.02)


def test_networks_track_between_the_faces_of_another_program(source, sparse, tmp_path):
    imported = read_imported_faces(sparse / ROWS, source)
    extract_source(source, tmp_path / "other", ExtractSettings(every=3), imported=imported)
    record = Faceset.open(tmp_path / "other").record["extractor"]
    assert (record["detector"], record["landmarker"]) == ("imported", "imported")
    assert [len(faces) for faces in complete(source, tmp_path / "other")] == [1] * FRAMES
