"""Facesets as tar files."""

import io
import json
import os
import shutil
import sys
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from faceswap.core.errors import FacesetError, OutputExistsError, UnsafeNameError
from faceswap.curation.packing import Packing
from faceswap.curation.removal import remove_crops
from faceswap.curation.repairing import drop_rows
from faceswap.curation.unpacking import unpack_faceset
from faceswap.facesets.edit import rewrite_rows
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.rows import SCHEMA
from tests.core.event_stopper import run_until
from tests.facesets.test_killed_faceset import content
from tests.facesets.written import SOURCE, write_faceset


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """A faceset with a deleted and a removed crop, and a further mask of one face."""
    path = write_faceset(tmp_path_factory.mktemp("faces") / "clip").path
    remove_crops(path, ["000001-0.png"])
    (path / "images" / "000002-0.png").unlink()
    masks = pa.array([None, None, None, "000003-0.png", None, None], pa.string())
    rewrite_rows(path, lambda rows: rows.append_column("mask_mesh", masks))
    (path / "masks" / "mesh").mkdir()
    shutil.copy(path / "masks" / "000003-0.png", path / "masks" / "mesh")
    return path


@pytest.fixture
def faceset(original, tmp_path) -> Faceset:
    return Faceset.open(shutil.copytree(original, tmp_path / "clip"))


def packed(faceset: Faceset, folder: Path) -> list[Path]:
    packing = Packing(faceset, folder, 4)
    packing.run()
    return [folder / name for name in packing.names]


def test_what_is_unpacked_is_the_same_faceset(faceset, tmp_path):
    done: list[int] = []
    files = packed(faceset, tmp_path / "packs" / "clip")
    assert [file.name for file in files] == ["clip-000000.tar", "clip-000001.tar"]
    unpack_faceset(files[::-1], tmp_path / "again", done.append)
    assert content(tmp_path / "again") == content(faceset.path)
    assert sum(done) == 5 + 6 + 1
    twice = packed(faceset, tmp_path / "packs2" / "clip")
    assert [file.read_bytes() for file in files] == [file.read_bytes() for file in twice]
    with pytest.raises(OutputExistsError):
        unpack_faceset(files, tmp_path / "again")


def test_a_face_is_a_sample_of_webdataset(faceset, tmp_path):
    first, _ = packed(faceset, tmp_path / "clip-pack")
    with tarfile.open(first) as tar:
        names = tar.getnames()
        face = json.loads(tar.extractfile("00000003.json").read())  # type: ignore[union-attr]
    assert names[:3] == ["__pack.json__", "__faceset.json__", "__faces.parquet__"]
    assert [name for name in names if name.startswith("00000003")] == [
        "00000003.png",
        "00000003.mask.png",
        "00000003.mask_mesh.png",
        "00000003.json",
    ]
    assert "00000001.removed.png" in names
    assert "00000002.png" not in names
    assert (face["frame"], face["image"], len(face["landmarks"])) == (3, "000003-0.png", 136)
    assert "mesh" not in face


def rewritten(file: Path, change) -> None:
    """Writes a tar file anew; ``change`` gets each member and its content."""
    with tarfile.open(file) as tar:
        members = [(member, (tar.extractfile(member) or io.BytesIO()).read()) for member in tar]
    with tarfile.open(file, "w") as tar:
        for member, data in members:
            for new, content in change(member, data):
                new.size = len(content)
                tar.addfile(new, io.BytesIO(content))


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


@pytest.mark.parametrize(
    "evil",
    [
        member("../evil.png"),
        member("/tmp/evil.png"),
        member("images/evil.png"),
        member("00000099.png"),
        member("00000000.exe.png"),
        member("00000000.mask_../../x.png"),
        member("00000000.png", tarfile.SYMTYPE, "/etc/passwd"),
        member("00000000.png", tarfile.LNKTYPE, "00000001.png"),
        member("00000000.png", tarfile.DIRTYPE),
    ],
    ids=lambda evil: f"{evil.name} {evil.type}",
)
def test_members_that_are_no_files_of_a_face_are_refused(faceset, tmp_path, evil):
    files = packed(faceset, tmp_path / "pack")

    def change(old, data):
        yield old, data
        if old.name == "00000005.json":
            yield evil, b""

    rewritten(files[1], change)
    with pytest.raises(FacesetError):
        unpack_faceset(files, tmp_path / "again")
    assert not (tmp_path / "again").exists()
    assert not list(tmp_path.rglob("evil*"))


def test_names_in_the_table_stay_inside(faceset, tmp_path):
    files = packed(faceset, tmp_path / "pack")

    def change(old, data):
        if old.name == "__faces.parquet__":
            rows = pq.read_table(io.BytesIO(data)).to_pylist()
            rows[0]["image"] = "../../evil.png"
            written = io.BytesIO()
            pq.write_table(pa.Table.from_pylist(rows, SCHEMA), written)
            data = written.getvalue()
        yield old, data

    rewritten(files[0], change)
    with pytest.raises(UnsafeNameError, match="evil"):
        unpack_faceset(files, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_pack_that_is_not_whole_is_refused(faceset, tmp_path):
    files = packed(faceset, tmp_path / "pack")
    other = write_faceset(tmp_path / "b", source=SOURCE | {"sha256": "b" * 64})
    others = packed(other, tmp_path / "others")
    for wrong in (files[:1], [files[0], files[0]], [files[0], others[1]], []):
        with pytest.raises(FacesetError, match="all files of one pack"):
            unpack_faceset(wrong, tmp_path / "again")
    whole = files[1].read_bytes()
    for damaged in (whole[:5000], whole[:300], b"", b"x" * 2000):
        files[1].write_bytes(damaged)
        with pytest.raises(FacesetError):
            unpack_faceset(files, tmp_path / "again")
    files[1].write_bytes(whole)
    rewritten(files[1], lambda old, data: [] if old.name == "00000005.png" else [(old, data)])
    with pytest.raises(FacesetError, match="Expected 6 members"):
        unpack_faceset(files, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_pack_interrupted_at_any_change_is_resumed_to_the_same_files(faceset, tmp_path):
    def pack(folder: Path) -> bool:
        return Packing(faceset, folder, 2).run()

    changes = run_until(sys.maxsize, pack, tmp_path / "whole" / "clip")
    expected = content(tmp_path / "whole" / "clip")
    assert sorted(expected) == [*(f"clip-{n:06d}.tar" for n in range(3)), "pack.json"]
    for number in range(len(changes)):
        folder = tmp_path / f"at-{number}" / "clip"
        run_until(number, pack, folder)
        before = {name: (folder / name).stat().st_ino for name in kept_files(folder)}
        pack(folder)
        assert content(folder) == expected, changes[number]
        assert {name: (folder / name).stat().st_ino for name in before} == before
    assert len(changes) > 15


def kept_files(folder: Path) -> list[str]:
    """Tar files that the index of a pack names."""
    if not (folder / "pack.json").is_file():
        return []
    written = json.loads((folder / "pack.json").read_text())["written"]
    return [f"clip-{number:06d}.tar" for number in range(len(written))]


def test_what_a_resumed_pack_reports(faceset, tmp_path):
    packed(faceset, tmp_path / "p" / "clip")
    done: list[int] = []
    assert not Packing(faceset, tmp_path / "p" / "clip", 4).run(done.append)
    assert sum(done) == 6
    (tmp_path / "p" / "clip" / "clip-000001.tar").unlink()
    index = json.loads((tmp_path / "p" / "clip" / "pack.json").read_text())
    del index["written"][1]
    (tmp_path / "p" / "clip" / "pack.json").write_text(json.dumps(index))
    done.clear()
    assert Packing(faceset, tmp_path / "p" / "clip", 4).run(done.append)
    assert done == [4, 2]


def test_a_pack_of_something_else_is_not_replaced(faceset, tmp_path):
    packed(faceset, tmp_path / "p" / "clip")
    before = content(tmp_path / "p" / "clip")
    crop = faceset.path / "images" / "000005-0.png"
    os.utime(crop, ns=(0, 0))
    with pytest.raises(OutputExistsError, match=r"crops of .* have changed"):
        Packing(faceset, tmp_path / "p" / "clip", 4).run()
    with pytest.raises(OutputExistsError, match="3 faces in a file, found something else"):
        Packing(faceset, tmp_path / "p" / "clip", 3).run()
    rewrite_rows(faceset.path, lambda rows: rows.slice(0, 5))
    with pytest.raises(OutputExistsError, match="as it is now"):
        Packing(Faceset.open(faceset.path), tmp_path / "p" / "clip", 4).run()
    assert content(tmp_path / "p" / "clip") == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").touch()
    with pytest.raises(OutputExistsError, match="found something else"):
        Packing(faceset, tmp_path / "other", 4).run()


def test_an_edited_crop_is_packed_when_an_interrupted_pack_resumes(faceset, tmp_path):
    def pack(folder: Path) -> bool:
        return Packing(faceset, folder, 2).run()

    changes = run_until(sys.maxsize, pack, tmp_path / "a" / "clip")
    second = changes.index("os.rename clip/clip-000001.tar")
    resumed = tmp_path / "b" / "clip"
    run_until(second, pack, resumed)
    assert len(kept_files(resumed)) == 1
    shutil.copy(faceset.path / "images" / "000005-0.png", faceset.path / "images" / "000000-0.png")
    for folder in (resumed, tmp_path / "c" / "clip"):
        pack(folder)
    assert content(resumed) == content(tmp_path / "c" / "clip")
    assert content(resumed) != content(tmp_path / "a" / "clip")


@pytest.mark.parametrize("dropped", [(0,), (5,), (4, 5)])
def test_rows_that_are_dropped_meanwhile_are_not_packed(tmp_path, dropped):
    faceset = write_faceset(tmp_path / "clip")
    packing = Packing(faceset, tmp_path / "p" / "clip", 2)
    assert len(packing.names) == 3
    for frame in dropped:
        (faceset.path / "images" / f"{frame:06d}-0.png").unlink()
    drop_rows(faceset.path)
    with pytest.raises(FacesetError, match="another process changed"):
        packing.run()
    assert len(kept_files(packing.folder)) == dropped[0] // 2
    again = Packing(Faceset.open(faceset.path), packing.folder, 2)
    if len(again.names) < 3:  # the files that are written say that there are three
        with pytest.raises(OutputExistsError, match="found something else"):
            again.run()
    else:
        again.run()
        files = [packing.folder / name for name in again.names]
        unpack_faceset(files, tmp_path / "again")
        assert content(tmp_path / "again") == content(faceset.path)
