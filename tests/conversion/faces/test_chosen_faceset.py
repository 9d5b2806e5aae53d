"""The faceset of a source among several."""

import shutil

import pytest

from faceswap.conversion.faces.chosen_faceset import ChosenFacesets
from faceswap.core.errors import FacesetError
from faceswap.core.files import sha256_file
from faceswap.media.sources import find_sources
from tests.facesets.written import SOURCE, write_faceset
from tests.footage import write_clip


def test_the_faceset_of_the_source_is_found_by_content(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", 2)
    (source,) = find_sources([clip])
    own = SOURCE | {"sha256": sha256_file(clip)}
    folder = tmp_path / "faces"
    write_faceset(folder / "other", frames=range(1))
    with pytest.raises(FacesetError, match="found those of other sources"):
        ChosenFacesets(folder).of(source)
    write_faceset(folder / "mine", frames=range(1), source=own)
    assert ChosenFacesets(folder).of(source).path == folder / "mine"
    assert ChosenFacesets(folder / "other").of(source).path == folder / "other"
    shutil.copytree(folder / "mine", folder / "again")
    with pytest.raises(FacesetError, match=r"found several: .*again, .*mine\."):
        ChosenFacesets(folder).of(source)
    with pytest.raises(FacesetError, match="There is no faceset"):
        ChosenFacesets(tmp_path / "none").of(source)
