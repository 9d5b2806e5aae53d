"""The faceset of a source among several."""

import shutil

import pytest

from faceswap.conversion.faces.chosen_faceset import choose_faceset
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
        choose_faceset(source, folder)
    write_faceset(folder / "mine", frames=range(1), source=own)
    assert choose_faceset(source, folder).path == folder / "mine"
    assert choose_faceset(source, folder / "other").path == folder / "other"
    shutil.copytree(folder / "mine", folder / "again")
    with pytest.raises(FacesetError, match=r"found several: .*again, .*mine\."):
        choose_faceset(source, folder)
    with pytest.raises(FacesetError, match="There is no faceset"):
        choose_faceset(source, tmp_path / "none")
