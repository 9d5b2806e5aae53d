"""Folders: what lies in them, and what is skipped."""

import os
from pathlib import Path

import pytest

from faceswap.core.folders import enclosing_result, is_tool_folder, natural_key, result_kind, walk


def _touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def _files(root: Path, *exclude: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in walk(root, exclude).files]


def _skipped(root: Path, *exclude: Path) -> dict[str, str]:
    return {
        item.path.relative_to(root).as_posix(): item.reason for item in walk(root, exclude).skipped
    }


@pytest.mark.parametrize(
    "name",
    [
        "@eaDir",
        "#recycle",
        ".thumbnails",
        ".ipynb_checkpoints",
        "__MACOSX",
        "$RECYCLE.BIN",
        ".@__thumb",
        "System Volume Information",
        "lost+found",
        "Catalog Previews.lrdata",
    ],
)
def test_tool_folders(name: str) -> None:
    assert is_tool_folder(name)


@pytest.mark.parametrize("name", ["@", "#", "images", "thumbs", "recycle", "day1"])
def test_names_of_users(name: str) -> None:
    assert not is_tool_folder(name)


def test_tool_folders_and_hidden_files_are_skipped(tmp_path: Path) -> None:
    _touch(tmp_path / "a/1.jpg", tmp_path / "a/@eaDir/1.jpg/thumb.jpg", tmp_path / "a/._1.jpg")
    assert _files(tmp_path) == ["a/1.jpg"]
    assert _skipped(tmp_path) == {"a/@eaDir": "tool folder", "a/._1.jpg": "hidden file"}


def test_results_of_this_program_are_skipped(tmp_path: Path) -> None:
    _touch(tmp_path / "faces/a/faceset.json", tmp_path / "faces/a/images/0.jpg")
    _touch(tmp_path / "run/config.yaml", tmp_path / "run/manifest.json", tmp_path / "run/p/1.png")
    _touch(tmp_path / "m/model.json", tmp_path / "m/model.safetensors", tmp_path / "m/1.png")
    _touch(tmp_path / "photo.jpg")
    assert _files(tmp_path) == ["photo.jpg"]
    assert _skipped(tmp_path) == {"faces/a": "faceset", "run": "run", "m": "model"}
    assert result_kind(tmp_path) is None


@pytest.mark.parametrize(
    "names", [("checkpoints/step-00000010/model.pt",), ("config.yaml", "previews/10.png")]
)
def test_a_run_that_lost_its_manifest_is_a_run(tmp_path: Path, names: tuple[str, ...]) -> None:
    _touch(tmp_path / "photo.jpg", *(tmp_path / "r" / name for name in names))
    assert _files(tmp_path) == ["photo.jpg"]
    assert _skipped(tmp_path) == {"r": "run"}


@pytest.mark.parametrize("names", [("config.yaml",), ("previews/1.png",), ("checkpoints/1.png",)])
def test_folders_of_other_programs_are_no_runs(tmp_path: Path, names: tuple[str, ...]) -> None:
    _touch(*(tmp_path / name for name in names))
    assert result_kind(tmp_path) is None


def test_parts_of_results_are_told_from_folders_of_the_user(tmp_path: Path) -> None:
    faceset, run = tmp_path.resolve() / "f/me", tmp_path.resolve() / "r"
    _touch(faceset / "faceset.json", faceset / "images/0.jpg", faceset / "mine/1.jpg")
    _touch(run / "config.yaml", run / "previews/a/0.jpg", run / "photos/0.jpg")
    for part in ("images", "images/0.jpg", "masks"):
        assert enclosing_result(faceset / part) == (faceset, "faceset")
    for part in ("previews", "previews/a/0.jpg", "model"):
        assert enclosing_result(run / part) == (run, "run")
    for place in (faceset, faceset / "mine/1.jpg", run, run / "photos/0.jpg", run / "images"):
        assert enclosing_result(place) is None


def test_a_result_given_as_the_root_is_entered(tmp_path: Path) -> None:
    _touch(tmp_path / "faceset.json", tmp_path / "images/0.jpg")
    assert _files(tmp_path) == ["faceset.json", "images/0.jpg"]


def test_the_output_is_skipped_unless_it_holds_the_root(tmp_path: Path) -> None:
    _touch(tmp_path / "1.jpg", tmp_path / "out/sub/1.jpg")
    assert _files(tmp_path, tmp_path / "out") == ["1.jpg"]
    assert _skipped(tmp_path, tmp_path / "out") == {"out": "output folder"}
    assert _files(tmp_path, tmp_path) == ["1.jpg", "out/sub/1.jpg"]


def test_linked_folders_are_read_once_and_loops_are_broken(tmp_path: Path) -> None:
    _touch(tmp_path / "real/1.jpg", tmp_path / "data/own/2.jpg")
    data = tmp_path / "data"
    (data / "day1").symlink_to(tmp_path / "real")
    (data / "day2").symlink_to(tmp_path / "real")
    (data / "own/up").symlink_to(data)
    (data / "a").symlink_to(data / "own")  # sorts before the folder that it leads to
    (tmp_path / "real/self").symlink_to(tmp_path / "real")
    assert _files(data) == ["day1/1.jpg", "own/2.jpg"]
    again = "link to a folder that is read already"
    links = ["a", "day2", "own/up", "day1/self"]
    assert _skipped(data) == dict.fromkeys(links, again)


def test_a_link_into_the_output_is_skipped(tmp_path: Path) -> None:
    _touch(tmp_path / "in/1.jpg", tmp_path / "out/sub/1.jpg")
    (tmp_path / "in/link").symlink_to(tmp_path / "out/sub")
    assert _files(tmp_path / "in", tmp_path / "out") == ["1.jpg"]


def test_broken_links_and_pipes_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.jpg")
    assert _skipped(tmp_path) == {
        "gone.jpg": "broken link",
        "pipe.jpg": "device, pipe or socket",
    }


def test_numbers_are_sorted_by_value_in_all_scripts() -> None:
    names = ["f10.jpg", "f2.jpg", "f².jpg", "f①.jpg", "f٣.jpg", "F1.jpg", "f\udcff.jpg"]
    ordered = [path.name for path in sorted(map(Path, names), key=natural_key)]
    assert ordered[:4] == ["F1.jpg", "f2.jpg", "f٣.jpg", "f10.jpg"]
    assert set(ordered) == set(names)
