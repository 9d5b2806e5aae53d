"""Facesets as tar files."""

import io
import json
import shutil
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from faceswap.core.errors import FacesetError, OutputExistsError, UnsafeNameError
from faceswap.curation.packing import pack_faceset, unpack_faceset
from faceswap.curation.removal import remove_crops
from faceswap.facesets.edit import rewrite_rows
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.rows import SCHEMA
from tests.facesets.test_killed_faceset import content
from tests.facesets.written import SOURCE, write_faceset


@pytest.fixture
def faceset(tmp_path) -> Faceset:
    """A faceset with a deleted and a removed crop, and a further mask of one face."""
    path = write_faceset(tmp_path / "clip").path
    remove_crops(path, ["000001-0.png"])
    (path / "images" / "000002-0.png").unlink()
    masks = pa.array([None, None, None, "000003-0.png", None, None], pa.string())
    rewrite_rows(path, lambda rows: rows.append_column("mask_mesh", masks))
    (path / "masks" / "mesh").mkdir()
    shutil.copy(path / "masks" / "000003-0.png", path / "masks" / "mesh")
    return Faceset.open(path)


def packed(faceset: Faceset, folder: Path) -> list[Path]:
    return [folder / name for name in pack_faceset(faceset, folder, 4)]


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
