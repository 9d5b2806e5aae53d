"""Facesets of every n-th frame in conversion."""

import numpy as np
import pytest

from faceswap.conversion.faces import complete_faces, find_faces
from faceswap.conversion.sparse_faces import find_missing, track_between
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.media.frame import Frame
from faceswap.media.hashed_source import hash_source
from faceswap.media.images import write_image
from faceswap.media.sources import find_sources
from faceswap.media.video import VideoReader
from faceswap.tracking.finder import build_tracker
from tests.footage import moving_portrait
from tests.tracking.faces import face

FRAMES = 14
SHAPE = np.random.default_rng(3).uniform(0, 100, (478, 3)).astype(np.float32)
AWAY = np.array([200, 0, 0], np.float32)


def scripted(faces):
    """A tracker that returns given faces frame by frame."""
    each = iter(faces)
    return lambda image: next(each)


def frames(count):
    for i in range(count):
        yield Frame(i, i, i / 25, np.zeros((4, 4, 3), np.uint8))


def tracks(found):
    return [[one.track for one in faces] for _, faces in found]


def here(track):
    return face(SHAPE, track)


def there(track):
    return face(SHAPE + AWAY, track)


def test_frames_between_have_the_tracks_of_the_faceset():
    tracker = scripted([[here(0)]] * 5)
    found = list(track_between(frames(5), {0: [here(7)], 3: [here(7)]}, 3, tracker))
    assert tracks(found) == [[7]] * 5


def test_a_face_that_the_faceset_leaves_out_is_left_out_between():
    tracker = scripted([[here(0), there(1)]] * 7)
    stored = {0: [here(4)], 3: [here(4)], 6: [here(4)]}
    assert tracks(track_between(frames(7), stored, 3, tracker)) == [[4]] * 7


def test_a_new_face_is_there_from_its_first_frame_on():
    tracker = scripted([[], [], [here(0)], [here(0)], [here(0)]])
    found = track_between(frames(5), {4: [here(2)]}, 4, tracker)
    assert tracks(found) == [[], [], [2], [2], [2]]


def test_after_a_cut_the_next_frame_of_the_faceset_tells_the_tracks():
    tracker = scripted([[here(0)], [here(0)], [there(1)], [there(1)], [there(1)]])
    stored = {0: [here(5)], 3: [there(6)]}
    assert tracks(track_between(frames(5), stored, 3, tracker)) == [[5], [5], [6], [6], [6]]


def test_a_long_wait_ends_without_the_face():
    tracker = scripted([[]] + [[here(0)]] * 99)
    taken = []

    def source():
        for frame in frames(100):
            taken.append(frame.index)
            yield frame

    for frame, _ in track_between(source(), {0: []}, 1000, tracker):
        assert len(taken) <= frame.index + 27


def test_photos_between_are_searched():
    tracker = scripted([[here(0)], [there(0)]])
    found = find_missing(frames(4), {0: [here(0)]}, 2, tracker)
    assert tracks(found) == [[0], [0], [], [0]]


@pytest.mark.parametrize("meshes", [True, False])
def test_a_sparse_faceset_gives_the_faces_of_all_frames(clip, tmp_path, meshes):
    (source,) = find_sources([clip])
    extract_source(source, tmp_path / "faces", ExtractSettings(every=3))
    faceset = Faceset.open(tmp_path / "faces")
    assert len(faceset.faces()) == 5
    found = complete_faces(VideoReader(clip), faceset, hash_source(source), "cpu", meshes=meshes)
    whole = find_faces(VideoReader(clip), "video", build_tracker())
    for (frame, (ours,)), (_, (theirs,)) in zip(found, whole, strict=True):
        away = np.linalg.norm(ours.landmarks - theirs.landmarks, axis=1).mean()
        assert away < 0.03 * np.ptp(theirs.landmarks[:, 0])
        assert (ours.track, ours.mesh is not None) == (0, meshes)
        assert np.array_equal(frame.image.shape, moving_portrait(0).shape)


def test_a_sparse_faceset_of_photos_gives_the_faces_of_all(tmp_path):
    for i in range(3):
        write_image(tmp_path / "in" / f"{i}.png", moving_portrait(4 * i))
    (source,) = find_sources([tmp_path / "in"])
    extract_source(source, tmp_path / "faces", ExtractSettings(every=2))
    faceset = Faceset.open(tmp_path / "faces")
    photos = (Frame(i, i, float(i), moving_portrait(4 * i)) for i in range(3))
    found = complete_faces(photos, faceset, hash_source(source), "cpu", meshes=False)
    assert [len(faces) for _, faces in found] == [1, 1, 1]
