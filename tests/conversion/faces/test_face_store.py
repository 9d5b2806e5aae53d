"""Faces of a clip in a temporary file."""

import tempfile
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from faceswap.conversion.faces import record_file
from faceswap.conversion.faces.face_store import FaceStore
from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.core.errors import ConfigError, OutputError, StorageFullError
from tests.conversion.guided import face_at


def test_faces_are_read_as_they_were_added():
    first, last = (replace(face_at(155, track=4), to="bob", opacity=one) for one in (1.0, 0.2))
    frames = {
        0: [face_at(50, track=3)],
        2: [face_at(60, 0.1, track=3), first],
        5: [last],
    }
    with closing(FaceStore()) as store:
        for frame, faces in frames.items():
            store.add(frame, faces)
        assert len(store) == 4
        assert [list(store.rows_of(frame)) for frame in range(6)] == [[0], [], [1, 2], [], [], [3]]
        assert {track: rows.tolist() for track, rows in store.tracks().items()} == {
            3: [0, 1],
            4: [2, 3],
        }
        for frame, faces in frames.items():
            for row, face in zip(store.rows_of(frame), faces, strict=True):
                found = store.face(row)
                assert (found.track, found.to) == (face.track, face.to)
                assert found.opacity == face.opacity
                np.testing.assert_array_equal(found.landmarks, face.landmarks)
                np.testing.assert_array_equal(found.mesh, face.mesh)
        meshes = store.meshes(np.array([3, 0]))
        np.testing.assert_array_equal(meshes, [frames[5][0].mesh, frames[0][0].mesh])


def test_a_clip_without_faces_has_no_tracks():
    with closing(FaceStore()) as store:
        store.add(0, [])
        assert store.tracks() == {}
        assert list(store.rows_of(0)) == []


def test_a_face_without_a_mesh_is_an_error():
    with closing(FaceStore()) as store, pytest.raises(ConfigError, match="face mesh") as raised:
        store.add(0, [SourceFace(face_at().landmarks)])
    assert "--landmarker facemesh" in raised.value.hint


def test_faces_may_be_stored_without_their_meshes():
    with closing(FaceStore(with_meshes=False)) as store:
        store.add(3, [face_at(60), SourceFace(face_at().landmarks, track=2, to="bob")])
        faces = [store.face(row) for row in store.rows_of(3)]
    assert [(face.mesh, face.track, face.to) for face in faces] == [(None, 0, ""), (None, 2, "bob")]
    np.testing.assert_array_equal(faces[0].landmarks, np.float32(face_at(60).landmarks))


def test_an_unusable_temporary_folder_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(OutputError, match="temporary folder") as raised:
        FaceStore()
    assert "TMPDIR" in raised.value.hint


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_temporary_folder_is_an_error(monkeypatch):
    monkeypatch.setattr(record_file, "TemporaryFile", partial(Path("/dev/full").open, "r+b", 0))
    with closing(FaceStore()) as store, pytest.raises(StorageFullError):
        store.add(0, [face_at()])
