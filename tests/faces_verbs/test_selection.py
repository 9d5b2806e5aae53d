"""`faceswap faces` filter, restore, sort, group, apply, dedupe, split, merge, check, repair."""

import re
import shlex
from pathlib import Path

import pyarrow as pa
import pytest

from faceswap.core.command_line import run_program
from faceswap.faces import VERBS
from faceswap.facesets.edit import rewrite_rows
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.named import parse_faces
from tests.facesets.written import SOURCE, write_faceset


@pytest.fixture
def run(capsys):
    def call(*arguments: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as end:
            run_program("faces", VERBS, "0", [str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return int(end.value.code or 0), printed.out + printed.err

    return call


@pytest.fixture
def clip(tmp_path) -> Path:
    return write_faceset(tmp_path / "faces" / "clip").path


def frames(path: Path) -> list[int]:
    return [face.frame for face in Faceset.open(path).trainable()]


def test_filter_and_restore(run, clip, tmp_path):
    code, said = run("filter", "frame >= 2 and frame != 4", clip, "--dry-run")
    assert (code, frames(clip)) == (0, [0, 1, 2, 3, 4, 5])
    assert "Nothing was changed" in said
    assert run("filter", "frame >= 2 and frame != 4", clip, "-o", tmp_path / "copies")[0] == 0
    assert frames(clip) == [0, 1, 2, 3, 4, 5]
    assert frames(tmp_path / "copies" / "clip") == [2, 3, 5]
    assert run("filter", "frame >= 2 and frame != 4", clip.parent)[0] == 0
    assert frames(clip) == [2, 3, 5]
    assert run("restore", clip, "--image", "000001-0.png")[0] == 0
    assert frames(clip) == [1, 2, 3, 5]
    assert run("restore", clip)[0] == 0
    assert frames(clip) == [0, 1, 2, 3, 4, 5]
    code, said = run("filter", "blur > 2", clip)
    assert code == 2
    assert "no column 'blur'" in said


def test_conditions_that_start_with_a_minus_follow_two_of_them(run, clip):
    _, said = run("filter", "--help")
    words = " ".join(re.sub(r"[│╭╮╰╯─]", " ", said).split())
    assert "Write `--` before a condition that starts with a minus, after all options." in words
    code, said = run("filter", "--dry-run", "--", "-frame > -2", clip)
    assert code == 0
    assert re.search(r"\b2\W+4\b", said)  # long paths are wrapped
    code, said = run("filter", "-frame > -2", clip, "--dry-run")
    assert code == 2


def test_sort_group_and_apply(run, clip, tmp_path):
    assert run("sort", clip, "--by", "frame", "--descending", "--to", tmp_path / "view")[0] == 0
    assert [face.order for face in Faceset.open(clip).faces()] == [5, 4, 3, 2, 1, 0]
    (tmp_path / "view" / "clip" / "00001_000005-0.png").unlink()
    assert run("apply", tmp_path / "view", "--dry-run")[0] == 0
    assert frames(clip) == [0, 1, 2, 3, 4, 5]
    assert run("apply", tmp_path / "view")[0] == 0
    assert frames(clip) == [0, 1, 2, 3, 4]
    groups = tmp_path / "groups"
    code, said = run("group", clip, "--by", "track", "--to", groups)
    assert code == 0
    assert "track 0" in said
    # Within a group in the order of the last sorting.
    names = sorted(file.name for file in (groups / "clip" / "track 0").iterdir())
    assert names[0] == "00001_000004-0.png"
    assert run("group", clip, "--by", "none")[0] == run("sort", clip, "--by", "none")[0] == 0
    assert {(f.order, f.group) for f in Faceset.open(clip).faces()} == {(None, None)}
    assert run("apply", tmp_path)[0] == 2
    assert run("sort", clip, "--by", "frame", "--to", tmp_path / "view")[0] == 2  # it exists


def test_dedupe_keeps_one_of_the_same_faces(run, clip, tmp_path):
    other = write_faceset(tmp_path / "faces" / "other").path
    code, _ = run("dedupe", clip.parent, "--threshold", 1000)
    assert (code, len(frames(clip)), len(frames(other))) == (0, 1, 1)
    assert run("restore", clip.parent)[0] == 0
    code, _ = run("dedupe", clip.parent, "--threshold", 1000, "--across")
    assert (code, len(frames(clip)), len(frames(other))) == (0, 1, 0)


def test_split_and_merge(run, clip, tmp_path):
    code, _ = run("split", clip, "--by", "frame", "-o", tmp_path / "parts")
    assert code == 0
    parts = sorted(path.name for path in (tmp_path / "parts").iterdir())
    assert parts == [f"clip-frame {number}" for number in range(6)]
    code, said = run("merge", tmp_path / "parts", "-o", tmp_path / "merged")
    assert (code, frames(tmp_path / "merged")) == (0, [0, 1, 2, 3, 4, 5])
    assert "6 faces of 6 facesets" in said
    assert run("split", clip, "--by", "frame", "-o", tmp_path / "parts")[0] == 2


def test_commands_in_messages_can_be_pasted(run, tmp_path):
    """Paths with blanks and quotes."""
    clip = write_faceset(tmp_path / "Jörg's best" / "clip").path
    code, said = run("group", clip, "--by", "identity")
    assert code == 2
    (command,) = re.findall(r"`faceswap faces people (.*?)`", " ".join(said.split()))
    assert shlex.split(command) == [str(clip)]
    other = write_faceset(tmp_path / "other", source=SOURCE | {"sha256": "b" * 64}).path
    code, said = run("merge", clip, other, "-o", tmp_path / "a set")
    assert code == 0
    (command,) = re.findall(r"`faceswap train (.*?)`", " ".join(said.split()))
    assert shlex.split(command) == ["--faces", f"NAME={tmp_path / 'a set'}"]


def test_what_is_not_there_is_said(run, clip, tmp_path):
    code, said = run("check", tmp_path / "nothing")
    assert code == 2
    assert "nothing does not exist" in said.replace("\n", "")
    (clip / "images").rename(clip / "pictures")
    code, said = run("check", clip)
    assert code == 1
    assert "it cannot be opened" in said
    assert "0 with crops" not in said
    assert "Restore" in said


def test_facesets_of_several_sources_merge_into_a_folder(run, clip, tmp_path):
    other = SOURCE | {"sha256": "b" * 64}
    second = write_faceset(tmp_path / "faces" / "b", source=other).path
    assert run("split", clip, "--by", "frame", "-o", tmp_path / "parts")[0] == 0
    done = run("merge", tmp_path / "parts", second, "-o", tmp_path / "anna")
    assert done[0] == 0
    assert f"--faces NAME={tmp_path / 'anna'}`" in done[1].replace("\n", "")
    places = parse_faces([f"anna={tmp_path / 'anna'}"])["anna"]
    merged = [Faceset.open(path) for path in places if isinstance(path, Path)]
    assert [(faceset.path.name, len(faceset.trainable())) for faceset in merged] == [
        ("clip", 6),
        ("clip (2)", 6),
    ]
    assert [faceset.source_sha256[0] for faceset in merged] == ["a", "b"]
    assert run("check", tmp_path / "anna")[0] == 0
    assert run("merge", clip, second, "-o", tmp_path / "anna")[0] == 2  # it exists
    larger = write_faceset(tmp_path / "larger", maskers=["box"]).path
    code, said = run("merge", clip, second, larger, "-o", tmp_path / "none")
    assert code == 2
    assert "default masks of one masker" in said.replace("\n", " ")
    assert not (tmp_path / "none").exists()


def test_check_and_repair(run, clip):
    assert run("check", clip)[0] == 0
    (clip / "masks" / "000002-0.png").unlink()
    (clip / "images" / "notes.txt").touch()
    code, said = run("check", clip.parent)
    assert code == 1
    assert "* masks/000002-0.png" in said
    assert "- images/notes.txt" in said
    assert run("repair", clip)[0] == 1  # the stray file is left
    assert (clip / "masks" / "000002-0.png").is_file()
    (clip / "images" / "notes.txt").unlink()
    (clip / "images" / "000000-0.png").unlink()
    assert run("repair", clip, "--drop-rows")[0] == 0
    assert len(Faceset.open(clip).faces()) == 5


def test_export_import_pack_unpack_and_draw(run, clip, tmp_path):
    assert run("export", clip, "-o", tmp_path / "clip.jsonl")[0] == 0
    assert run("export", clip, "-o", tmp_path / "clip.jsonl")[0] == 2  # it exists
    code, _ = run("import", tmp_path / "clip.jsonl", tmp_path / "table")
    assert (code, len(Faceset.open(tmp_path / "table").faces())) == (0, 6)
    assert run("pack", clip.parent, "-o", tmp_path / "packs", "--faces", 4)[0] == 0
    assert len(list((tmp_path / "packs" / "clip").glob("*.tar"))) == 2
    assert run("unpack", tmp_path / "packs" / "clip", "-o", tmp_path / "again")[0] == 0
    assert frames(tmp_path / "again") == [0, 1, 2, 3, 4, 5]
    code, said = run("unpack", tmp_path / "packs", "-o", tmp_path / "none")
    assert code == 2
    assert f"such as {tmp_path / 'packs' / 'clip'}" in said.replace("\n", "")
    pictures = tmp_path / "pictures"
    assert run("draw", clip, "-o", pictures, "--every", 3, "--layer", "landmarks")[0] == 0
    assert sorted(file.name for file in (pictures / "clip").iterdir()) == [
        "000000-0.jpg",
        "000003-0.jpg",
    ]


def test_facesets_without_faces(run, clip, tmp_path):
    rewrite_rows(clip, lambda rows: rows.slice(0, 0), same_faces=False)
    for subcommand in ("sort", "group"):
        for key in ("similarity", "colour", "identity", "yaw", "person"):
            assert run(subcommand, clip, "--by", key)[0] == 0
    assert run("dedupe", clip)[0] == 0
    assert run("filter", "yaw > 0", clip, "-o", tmp_path / "copies")[0] == 0
    assert run("merge", clip, tmp_path / "copies" / "clip", "-o", tmp_path / "merged")[0] == 0
    assert Faceset.open(tmp_path / "merged").faces() == []
    assert run("draw", clip, "-o", tmp_path / "drawn", "--layer", "mesh")[0] == 0


def test_a_faceset_given_as_a_dot_has_its_name(run, clip, tmp_path, monkeypatch):
    monkeypatch.chdir(clip)
    assert run("filter", "yaw == yaw", ".", "-o", tmp_path / "copies")[0] == 0
    assert run("draw", ".", "-o", tmp_path / "drawn", "--layer", "landmarks")[0] == 0
    assert run("split", ".", "--by", "track", "-o", tmp_path / "parts")[0] == 0
    made = [file.parent for file in tmp_path.glob("*/*/faceset.json")]
    assert {path.name for path in made} == {"clip", "clip-track 0"}
    assert len(list((tmp_path / "drawn" / "clip").iterdir())) == 6
    monkeypatch.chdir(clip / "images")
    assert run("sort", "..", "--by", "frame", "--to", tmp_path / "view")[0] == 0
    assert (tmp_path / "view" / "clip" / "view.json").is_file()


def test_an_unknown_masker_or_crop_is_refused(run, clip, tmp_path):
    code, said = run("draw", clip, "-o", tmp_path / "drawn", "--masker", "nonsense")
    assert (code, (tmp_path / "drawn").exists()) == (2, False)
    assert "Expected masks of the masker 'nonsense'" in said
    assert run("filter", "frame > 2", clip)[0] == 0
    code, said = run("restore", clip, "--image", "000001-0.png", "--image", "nope.png")
    assert (code, frames(clip)) == (2, [3, 4, 5])
    assert "found none: nope.png" in said


def test_filtered_copies_leave_faces_out_and_remove_none(run, clip, tmp_path):
    _, said = run("filter", "-o", tmp_path / "copies", "--", "-frame < -2", clip)
    assert "left out" in said
    assert "removed" not in said
    assert frames(tmp_path / "copies" / "clip") == [3, 4, 5]


def test_filled_faces_stay_with_their_track(run, clip, tmp_path):
    """They are not trained on, but conversion swaps them."""

    def fill(rows: pa.Table) -> pa.Table:
        filled = pa.array([frame == 2 for frame in rows["frame"].to_pylist()])
        return rows.set_column(rows.schema.get_field_index("filled"), "filled", filled)

    rewrite_rows(clip, fill)
    assert frames(clip) == [0, 1, 3, 4, 5]
    assert run("split", clip, "--by", "track", "-o", tmp_path / "parts")[0] == 0
    assert run("filter", "frame < 4", clip, "-o", tmp_path / "copies")[0] == 0
    assert run("merge", clip, "-o", tmp_path / "merged")[0] == 0
    for copy, count in (("parts/clip-track 0", 6), ("copies/clip", 4), ("merged", 6)):
        faces = Faceset.open(tmp_path / copy).faces()
        assert len(faces) == count
        assert [face.frame for face in faces if face.filled] == [2]
    assert run("group", clip, "--by", "track")[0] == 0
    assert {face.group for face in Faceset.open(clip).faces()} == {"track 0"}
    assert run("repair", clip, "--drop-rows")[0] == 0
    assert len(Faceset.open(clip).faces()) == 6
    assert run("filter", "not filled", clip)[0] == 0
    assert [file.name for file in (clip / "removed").iterdir()] == ["000002-0.png"]
