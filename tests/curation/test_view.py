"""Folders of sorted copies, and what is applied from them."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from faceswap.core.errors import FacesetError, OutputExistsError
from faceswap.curation.view import apply_changes, find_changes, read_view, write_view
from faceswap.facesets.faceset import Faceset
from faceswap.media.images import read_image, write_image
from tests.core.event_stopper import run_until
from tests.facesets.test_killed_faceset import content
from tests.facesets.written import SOURCE, write_faceset

GROUPS = ["a", "a", "b: c", None, "b: c", "a"]


def edited(level: int) -> np.ndarray:
    return np.full((32, 32, 3), level, np.uint8)


def make_view(tmp_path: Path, groups=None) -> tuple[Path, Path]:
    faceset = write_faceset(tmp_path / "clip")
    write_view(faceset, faceset.faces()[::-1], tmp_path / "view", groups=groups)
    return faceset.path, tmp_path / "view"


def apply(path: Path, view: Path):
    faceset = Faceset.open(path)
    changes = find_changes(view, read_view(view), faceset)
    apply_changes(view, read_view(view), faceset, changes)
    return changes


def names(view: Path) -> list[str]:
    return sorted(file.relative_to(view).as_posix() for file in view.rglob("*.png"))


def test_copies_are_numbered_in_their_order(tmp_path):
    path, view = make_view(tmp_path)
    assert names(view)[:2] == ["00001_000005-0.png", "00002_000004-0.png"]
    copy = (view / "00001_000005-0.png").read_bytes()
    assert copy == (path / "images" / "000005-0.png").read_bytes()
    before = content(path)
    changes = apply(path, view)
    assert (changes.removed, changes.edited, changes.moved, changes.strays) == ([], {}, {}, [])
    assert content(path) == before
    with pytest.raises(OutputExistsError):
        write_view(Faceset.open(path), [], view)


def test_each_group_has_a_folder(tmp_path):
    _, view = make_view(tmp_path, GROUPS)
    assert [name.partition("/")[0] for name in names(view)] == (
        ["a"] * 3 + ["b_ c"] * 2 + ["without a group"]
    )


def test_what_was_done_to_the_copies_is_done_to_the_faceset(tmp_path):
    path, view = make_view(tmp_path, GROUPS)
    (view / "a" / "00001_000005-0.png").unlink()
    write_image(view / "a" / "00002_000004-0.png", edited(200))
    (view / "b_ c" / "00003_000003-0.png").rename(view / "a" / "renamed, too.png")
    (view / "new one").mkdir()
    (view / "b_ c" / "00005_000001-0.png").rename(view / "new one" / "00005_000001-0.png")
    (view / "a" / "00006_000000-0.png").unlink()
    write_image(view / "a" / "00006_000000-0.webp", edited(100))
    write_image(view / "holiday.png", edited(1))
    (view / ".DS_Store").touch()
    changes = apply(path, view)
    assert [stray.name for stray in changes.strays] == ["holiday.png"]
    faceset = Faceset.open(path)
    kept = faceset.trainable()
    assert [face.frame for face in kept] == [0, 1, 2, 3, 4]
    assert (path / "removed" / "000005-0.png").is_file()
    means = [faceset.load_crop(face).mean() for face in kept]
    assert means == pytest.approx([100, 1, 2, 3, 200], abs=1)
    assert [face.group for face in kept] == [None, "new one", None, "a", None]
    again = apply(path, view)
    assert not again.removed
    assert again.edited.keys() <= {"000000-0.png"}  # of another format: it cannot be recognised


def test_copies_that_do_not_fit_are_refused(tmp_path):
    path, view = make_view(tmp_path)
    write_image(view / "00001_000005-0.png", np.zeros((16, 32, 3), np.uint8))
    write_image(view / "00002_000004-0.png", edited(50))
    write_image(path / "images" / "000004-0.png", edited(60))
    changes = apply(path, view)
    assert "expected 32x32 pixels, found 32x16" in changes.refused[0]
    assert "were edited" in changes.refused[1]
    assert read_image(path / "images" / "000004-0.png").mean() == 60


def test_a_copy_can_be_edited_and_moved_again(tmp_path):
    path, view = make_view(tmp_path, GROUPS)
    copy, image = view / "a" / "00001_000005-0.png", "000005-0.png"
    for level in (50, 90, 130):
        write_image(copy, edited(level))
        changes = apply(path, view)
        assert (changes.refused, list(changes.edited)) == ([], [image])
        assert read_image(path / "images" / image).mean() == level
    assert not apply(path, view).edited
    copy.rename(view / "b_ c" / copy.name)
    assert apply(path, view).moved == {image: "b: c"}
    assert not apply(path, view).moved
    (view / "b_ c" / copy.name).rename(copy)
    assert apply(path, view).moved == {image: "a"}


def test_a_damaged_copy_does_not_stop_the_others(tmp_path):
    path, view = make_view(tmp_path)
    (view / "00001_000005-0.png").write_bytes(b"\xff\xd8\xff")
    write_image(view / "00002_000004-0.png", edited(50))
    (refused,) = apply(path, view).refused
    assert "00001_000005-0.png" in refused
    assert read_image(path / "images" / "000004-0.png").mean() == 50
    assert len(Faceset.open(path).trainable()) == 6


def test_a_copy_that_lies_in_two_folders_is_refused(tmp_path):
    path, view = make_view(tmp_path, GROUPS)
    shutil.copy(view / "a" / "00001_000005-0.png", view / "b_ c")
    write_image(view / "a" / "00001_000005-0.png", edited(50))
    before = content(path)
    changes = apply(path, view)
    assert changes.refused == [f"00001_000005-0.png lies in {view / 'a'} and in {view / 'b_ c'}"]
    assert (changes.strays, changes.removed) == ([], [])
    assert content(path) == before


def test_another_faceset_and_an_empty_view_change_nothing(tmp_path):
    path, view = make_view(tmp_path)
    other = write_faceset(tmp_path / "other", source=SOURCE | {"sha256": "b" * 64})
    with pytest.raises(FacesetError, match="another source"):
        apply(other.path, view)
    for copy in view.glob("*.png"):
        copy.unlink()
    with pytest.raises(FacesetError, match="found none"):
        apply(path, view)
    with pytest.raises(FacesetError, match=r"view\.json"):
        read_view(tmp_path)


def test_applying_again_after_a_kill_at_any_change_completes_it(tmp_path):
    start, view = make_view(tmp_path, GROUPS)
    for name in ("a/00001_000005-0.png", "b_ c/00003_000003-0.png"):
        (view / name).unlink()
    write_image(view / "a" / "00002_000004-0.png", edited(200))
    (view / "a" / "00006_000000-0.png").rename(view / "b_ c" / "00006_000000-0.png")

    def prepare(name: str) -> Path:
        shutil.copytree(start, tmp_path / name / "clip")
        shutil.copytree(view, tmp_path / name / "view")
        return tmp_path / name / "clip"

    def job(path: Path) -> None:
        apply(path, path.parent / "view")

    whole = prepare("whole")
    changes = run_until(sys.maxsize, job, whole)
    assert len(changes) > 15
    assert (whole / "removed").is_dir()
    for number in range(len(changes)):
        path = prepare(f"at-{number}")
        run_until(number, job, path)
        job(path)
        assert content(path) == content(whole), changes[number]
        assert read_view(path.parent / "view") == read_view(whole.parent / "view")


def test_groups_of_one_plain_name_have_folders_of_their_own(tmp_path):
    groups = ["a/b", "a_b", "a/b", None, "without a group", "."]
    path, view = make_view(tmp_path, groups)
    folders = [name.partition("/")[0] for name in names(view)]
    assert sorted(folders) == (
        ["a_b"] + ["a_b (2)"] * 2 + ["unnamed", "without a group", "without a group (2)"]
    )
    assert apply(path, view).moved == {}
    moved = next((view / "a_b (2)").iterdir())
    moved.rename(view / "a_b" / moved.name)
    assert list(apply(path, view).moved.values()) == ["a_b"]
    for copy in list((view / "a_b").iterdir()):
        copy.rename(view / "unnamed" / copy.name)
    assert set(apply(path, view).moved.values()) == {"."}
    assert apply(path, view).moved == {}  # the last of "a/b" keeps its group
