"""Packs that faces are read from: opened without their faces, at any place."""

import json
import shutil

import pyarrow as pa
import pytest

from faceswap.core.errors import FacesetError
from faceswap.curation.packing import Packing
from faceswap.curation.removal import remove_crops
from faceswap.facesets.edit import rewrite_rows
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.pack import Pack
from faceswap.facesets.pack_folder import find_packs, is_pack, stored_place
from faceswap.facesets.pack_format import INDEX
from tests.facesets.written import write_faceset


@pytest.fixture
def faceset(tmp_path):
    """Ten faces: one removed, one deleted, one filled."""
    path = write_faceset(tmp_path / "clip", frames=range(10), maskers=["hull"]).path
    remove_crops(path, ["000001-0.png"])
    (path / "images" / "000002-0.png").unlink()
    filled = pa.array([frame == 5 for frame in range(10)])
    place = Faceset.open(path).rows.schema.get_field_index("filled")
    assert place >= 0

    def change(rows):
        return rows.set_column(rows.schema.get_field_index("filled"), "filled", filled)

    rewrite_rows(path, change)
    return Faceset.open(path)


@pytest.fixture
def folder(faceset, tmp_path):
    Packing(faceset, tmp_path / "packs" / "clip", 4).run()
    return tmp_path / "packs" / "clip"


def as_version_1(folder):
    """Rewrites the index as it was before it described the files."""
    document = json.loads((folder / INDEX).read_text())
    states = [each["state"] for each in document["written"]]
    document = {k: document[k] for k in ("format", "plan", "shards")}
    (folder / INDEX).write_text(json.dumps({**document, "version": 1, "written": states}))


def test_a_pack_has_record_and_counts_of_its_faceset(faceset, folder):
    pack = Pack.open(folder)
    assert [(shard.name, shard.faces) for shard in pack.shards] == [
        ("clip-000000.tar", 2),
        ("clip-000001.tar", 3),
        ("clip-000002.tar", 2),
    ]
    assert pack.faces == len(faceset.trainable())
    assert pack.content == faceset.content_hash()
    assert (pack.subject, pack.name) == (faceset.subject, faceset.name)
    assert (pack.crop_size, pack.crop_coverage) == (faceset.crop_size, faceset.crop_coverage)
    assert pack.source_sha256 == faceset.source_sha256


def test_opening_a_pack_reads_no_faces(folder):
    """Whatever follows the descriptions may be anything."""
    whole = Pack.open(folder)
    for file in folder.glob("*.tar"):
        with file.open("r+b") as stream:
            stream.seek(-4096, 2)
            stream.write(bytes(4096))
    assert Pack.open(folder) == whole


def test_an_index_of_version_1_is_completed_once(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("FACESWAP_CACHE", str(tmp_path / "cache"))
    current = Pack.open(folder)
    as_version_1(folder)
    assert Pack.open(folder).shards == current.shards
    for file in folder.glob("*-000001.tar"):  # it is not read again
        file.write_bytes(bytes(file.stat().st_size))
    assert Pack.open(folder).shards == current.shards


def test_packing_resumes_what_an_earlier_version_began(faceset, folder):
    as_version_1(folder)
    assert not Packing(faceset, folder, 4).run()
    document = json.loads((folder / INDEX).read_text())
    document["written"].pop()
    (folder / INDEX).write_text(json.dumps(document))
    assert Packing(faceset, folder, 4).run()
    assert Pack.open(folder).faces == 7


def test_a_pack_at_a_url_is_the_same(folder, memory):
    memory.put(str(folder), "/bucket/packs/clip", recursive=True)
    assert find_packs("memory://bucket/packs") == ["memory://bucket/packs/clip"]
    assert find_packs("memory://bucket/packs/clip") == ["memory://bucket/packs/clip"]
    assert find_packs("memory://bucket/other") == []
    here, there = Pack.open(folder), Pack.open("memory://bucket/packs/clip")
    assert (there.record, there.shards, there.sha256) == (here.record, here.shards, here.sha256)


def test_packs_are_found_in_a_folder(folder):
    assert find_packs(folder) == find_packs(folder.parent) == [folder]
    assert find_packs(folder.parents[1]) == []
    assert is_pack(folder)
    assert not is_pack(folder.parent)
    assert stored_place("s3://bucket/a") == "s3://bucket/a"
    assert stored_place(str(folder)) == folder


def test_incomplete_and_changed_packs_are_refused(folder):
    with pytest.raises(FacesetError, match=f"no {INDEX}"):
        Pack.open(folder.parent)
    document = json.loads((folder / INDEX).read_text())
    shorter = {**document, "written": document["written"][:2]}
    (folder / INDEX).write_text(json.dumps(shorter))
    with pytest.raises(FacesetError, match="unfinished"):
        Pack.open(folder)
    (folder / INDEX).write_text(json.dumps(document))
    with (folder / "clip-000001.tar").open("ab") as file:
        file.write(bytes(512))
    with pytest.raises(FacesetError, match=r"bytes in .*clip-000001.tar"):
        Pack.open(folder)
    (folder / "clip-000001.tar").unlink()
    with pytest.raises(FacesetError, match=r"clip-000001.tar is missing"):
        Pack.open(folder)
    document["written"][0]["name"] = "../clip-000000.tar"
    (folder / INDEX).write_text(json.dumps(document))
    with pytest.raises(FacesetError, match="damaged"):
        Pack.open(folder)


def test_masks_of_a_masker_that_the_pack_does_not_have_are_refused(folder):
    pack = Pack.open(folder)
    assert pack.masks == "mask"
    assert pack.with_masker("hull").masks == "mask"
    with pytest.raises(FacesetError, match="masker 'mesh'"):
        pack.with_masker("mesh")


def test_a_renamed_folder_is_the_same_pack(folder):
    before = Pack.open(folder)
    moved = shutil.move(folder, folder.with_name("other"))
    assert Pack.open(moved).sha256 == before.sha256
