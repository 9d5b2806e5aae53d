"""The footage of a faceset of somebody else is opened only if it is what the faceset names."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from faceswap.evaluation.footage import find_footage
from faceswap.facesets.faceset import Faceset
from faceswap.media.hashed_source import hash_source
from faceswap.media.sources import find_sources
from tests.facesets.written import write_faceset


def test_only_the_hashed_files_are_footage(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"frames")
    faceset = write_faceset(tmp_path / "faces")

    def naming(path: Path | str) -> Faceset:
        source = faceset.record["source"] | {"path": str(path)}
        source["sha256"] = hash_source(find_sources([clip])[0]).sha256
        return replace(faceset, record=faceset.record | {"source": source})

    found = find_footage(naming(clip))
    assert found is not None
    assert found.files == (clip,)
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "other.mp4").write_bytes(b"private")
    for path in ("/dev/zero", tmp_path / "pipe.mp4", tmp_path / "other.mp4", tmp_path, "/", ""):
        assert find_footage(naming(path)) is None


@pytest.mark.parametrize("names", [["../1.png"], ["/etc/passwd"], ["absent.png"]])
def test_photos_are_those_that_the_faceset_names(tmp_path: Path, names: list[str]) -> None:
    faceset = write_faceset(tmp_path / "faces")
    source = faceset.record["source"] | {"path": str(tmp_path), "kind": "images", "files": names}
    damaged = replace(faceset, record=faceset.record | {"source": source})
    assert find_footage(damaged) is None
