import sys
from pathlib import Path

import pytest

from faceswap.core import outputs
from faceswap.core.errors import OutputBusyError, OutputError, OutputExistsError
from faceswap.core.outputs import check_outputs, claim_files, claim_folder


def test_new_names_are_fine_and_nothing_is_created(tmp_path: Path) -> None:
    check_outputs([tmp_path / "a" / "b" / "x.png"], [tmp_path / "model"])
    assert not list(tmp_path.iterdir())


def test_existing_names_are_refused_and_the_first_ones_named(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.png" for number in range(5)]
    for file in files:
        file.touch()
    with pytest.raises(
        OutputExistsError, match=r"0\.png, .*1\.png, .*2\.png and 2 more exist"
    ) as e:
        check_outputs(files)
    assert "--overwrite" in e.value.hint
    check_outputs(files, overwrite=True)


def test_a_broken_link_is_something(tmp_path: Path) -> None:
    (tmp_path / "x.png").symlink_to(tmp_path / "gone")
    with pytest.raises(OutputExistsError, match=r"x\.png exists already"):
        check_outputs([tmp_path / "x.png"])


def test_files_and_folders_do_not_replace_each_other(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    check_outputs([tmp_path / "file"], [tmp_path / "folder"], overwrite=True)
    with pytest.raises(OutputExistsError, match="found a folder"):
        check_outputs([tmp_path / "folder"], overwrite=True)
    with pytest.raises(OutputExistsError, match="found a file"):
        check_outputs([], [tmp_path / "file"], overwrite=True)
    with pytest.raises(OutputError, match=r"Expected a folder, found a file: .*/file"):
        check_outputs([tmp_path / "file" / "deep" / "x.png"])


def test_two_results_never_share_a_name(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"Two results would be written to .*x\.png"):
        check_outputs([tmp_path / "x.png", tmp_path / "x.png"], overwrite=True)


@pytest.mark.parametrize(("system", "same"), [("darwin", True), ("win32", True), ("linux", False)])
def test_names_that_differ_in_case_are_one_where_the_system_says_so(
    tmp_path: Path, monkeypatch, system: str, same: bool
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    paths = [tmp_path / "X.png", tmp_path / "x.png"]
    if not same:
        check_outputs(paths)
        return
    with pytest.raises(OutputError, match=r"Two results would be written to .*X\.png, .*x\.png"):
        check_outputs(paths)


@pytest.mark.parametrize("name", ["x" * 256, "\u540d" * 86])
def test_names_too_long_for_the_file_system(tmp_path: Path, name: str) -> None:
    check_outputs([tmp_path / name[:-1], tmp_path / "new" / name[1:]])
    for path in (tmp_path / name, tmp_path / "new" / name, tmp_path / name / "x.png"):
        with pytest.raises(OutputError, match=r"25[68] bytes is longer than the 255"):
            check_outputs([path])


def test_what_appears_before_the_hold_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "x.png"

    def late(hold):
        def work(path, *rest):
            mine.touch()
            return hold(path, *rest)

        return work

    for name in ("hold_file", "hold_folder"):
        monkeypatch.setattr(outputs, name, late(getattr(outputs, name)))
    for claim in (claim_files([mine], "the work"), claim_folder(tmp_path, ["x.png"], "the work")):
        with pytest.raises(OutputExistsError, match=r"x\.png exists already"), claim:
            raise AssertionError
        mine.unlink()


def test_claimed_files_have_one_writer(tmp_path: Path) -> None:
    files = [tmp_path / "a" / "x.png", tmp_path / "b" / "x.png"]
    with claim_files(files, "the work"):
        for file in files:
            with (
                pytest.raises(OutputBusyError, match="the work of process"),
                claim_files([file], "more"),
            ):
                raise AssertionError
    assert not list(tmp_path.iterdir())
    with claim_files([], "the work"):
        pass


def test_own_files_of_a_folder_are_replaced(tmp_path: Path) -> None:
    for name in ("own", "mine"):
        (tmp_path / name).write_text(name)

    def is_own(path: Path) -> bool:
        return path.is_file() and path.read_text() == "own"

    with claim_folder(tmp_path, ["own", "new"], "the work", is_own=is_own):
        pass
    with (
        pytest.raises(OutputExistsError, match="mine exists already"),
        claim_folder(tmp_path, ["own", "mine"], "the work", is_own=is_own),
    ):
        raise AssertionError
