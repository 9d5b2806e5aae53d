"""Facesets in a folder."""

import shutil

import pytest

from faceswap.core.errors import FacesetError
from faceswap.curation.view import VIEW
from faceswap.faces_verbs import apply
from faceswap.facesets.found import find_facesets
from faceswap.facesets.named import parse_faces
from faceswap.facesets.record import read_record
from faceswap.facesets.subjects import find_records
from faceswap.people.numbering import Gallery
from tests.people.colours import write_tracks
from tests.people.test_numbering import with_values


def test_unfinished_folders_are_no_facesets(tmp_path):
    clip = write_tracks(tmp_path / "faces" / "clip", [[(1, 2, 3)] * 3])
    with_values(clip, person="anna", embedding=[0.6, 0.8])
    shutil.copytree(clip, tmp_path / "faces" / ".tmp-0123abcd-0123abcd")
    folder = tmp_path / "faces"
    assert find_facesets([folder]) == [clip]
    assert parse_faces([f"a={folder}"]) == {"a": [clip]}
    assert [*find_records(folder)] == ["clip"]
    assert len(Gallery().people_in(folder, tmp_path / "other")) == 1
    with pytest.raises(FacesetError) as error:
        read_record(folder)
    assert ".tmp" not in str(error.value.hint)
    shutil.rmtree(clip)
    assert parse_faces([f"a={folder}"]) == {"a": [folder]}


def test_unfinished_copies_are_no_view(tmp_path):
    (tmp_path / ".tmp-0123abcd-0123abcd").mkdir()
    (tmp_path / ".tmp-0123abcd-0123abcd" / VIEW).write_text("{}")
    with pytest.raises(FacesetError, match="or one above such folders"):
        apply.apply([tmp_path])
