from pathlib import Path

import pytest

from faceswap.core.errors import OutputError, OutputExistsError
from faceswap.core.outputs import check_outputs


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


@pytest.mark.parametrize("name", ["x" * 256, "\u540d" * 86])
def test_names_too_long_for_the_file_system(tmp_path: Path, name: str) -> None:
    check_outputs([tmp_path / name[:-1], tmp_path / "new" / name[1:]])
    for path in (tmp_path / name, tmp_path / "new" / name, tmp_path / name / "x.png"):
        with pytest.raises(OutputError, match=r"25[68] bytes is longer than the 255"):
            check_outputs([path])
