"""Folders that ``faceswap convert`` is given: photos, batches of sources, and their shards."""

from collections.abc import Callable
from pathlib import Path

import pytest

from faceswap.conversion.output import earlier
from faceswap.core.hashed_file import HashedFile
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.media.images import write_image
from faceswap.media.sources import find_sources
from tests.footage import moving_portrait, plain_picture


@pytest.fixture
def convert_folder(run, tmp_path, command):
    """A function that converts a folder: exit code, and what was printed to either stream."""

    def work(source: str, output: str, *arguments: str) -> tuple[int, str, str]:
        folders = tmp_path / source, "-o", tmp_path / output
        return command(*folders, "--to", "bob", "--model", run, *arguments)

    return work


@pytest.fixture
def convert_photos(convert_folder):
    """A function that converts the folder ``shots`` into ``out``: exit code, and what was said."""

    def work(*arguments: str) -> tuple[int, str]:
        code, _, said = convert_folder("shots", "out", *arguments)
        return code, said

    return work


def test_converting_a_folder_again_does_not_take_its_own_output(convert_folder, tmp_path):
    write_image(tmp_path / "ip/photo.png", moving_portrait(0))
    for extra in ([], ["--overwrite"]):
        code, _, said = convert_folder("ip", "ip/out", *extra)
        assert code == 0, said
        assert "1 of 1 frames" in said
    assert not list((tmp_path / "ip/out").rglob("*out*"))


def shoot(folder: Path) -> None:
    for number, name in enumerate(("1.bmp", "2.png")):
        write_image(folder / "shots" / name, moving_portrait(number))


def written(folder: Path) -> dict[str, int]:
    """Files below ``out`` and beside it, with the times of their last change."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("out*/**/*")}
    found |= {path.name: path for path in folder.glob("out.*")}
    return {name: path.stat().st_mtime_ns for name, path in found.items() if path.is_file()}


def test_a_folder_of_photos_is_converted_once(convert_photos, tmp_path):
    shoot(tmp_path)
    assert convert_photos()[0] == 0
    first = written(tmp_path)
    assert sorted(first) == ["out.json", "out/1.bmp", "out/1.bmp.c2pa", "out/2.png"]
    code, said = convert_photos()
    assert (code, "already complete" in said) == (0, True)
    assert written(tmp_path) == first
    code, said = convert_photos("--erode", "3")  # another conversion of the same photos
    assert (code, "out/1.bmp" in said and "exist already" in said) == (2, True)
    assert convert_photos("--overwrite")[0] == 0
    second = written(tmp_path)
    assert second.keys() == first.keys()
    assert all(second[name] > first[name] for name in first)


def noted(function: Callable[..., object], read: list[Path]) -> Callable[..., object]:
    """The function, noting the path that it is given."""

    def work(path: Path, *rest: object) -> object:
        read.append(path)
        return function(path, *rest)

    return work


@pytest.mark.parametrize("last", ["out/.lock", "out/1.bmp.c2pa", "out/1.bmp", "out/2.png"])
def test_an_interrupted_folder_of_photos_is_resumed(convert_photos, tmp_path, monkeypatch, last):
    shoot(tmp_path)
    assert convert_photos()[0] == 0
    order = ["out/1.bmp.c2pa", "out/1.bmp", "out/2.png", "out.json"]
    kept = order[: order.index(last) + 1] if last in order else []
    for name in set(order) - set(kept):
        (tmp_path / name).unlink()
    (tmp_path / "out/.lock").touch()  # a killed conversion leaves it
    before = written(tmp_path)
    read: list[Path] = []
    for place, name in ((HashedFile, "of"), (earlier, "read_own")):
        monkeypatch.setattr(place, name, noted(getattr(place, name), read))
    code, said = convert_photos()
    assert len(read) - len(set(read)) == ("out/1.bmp" in kept)  # it told whose the folder is
    assert (code, "2 of 2 frames" in said) == (0, True), said
    after = written(tmp_path)
    assert sorted(after) == sorted(order)
    finished = [name for name in kept if last != "out/1.bmp.c2pa"]
    assert [after[name] for name in finished] == [before[name] for name in finished]


def test_the_folder_of_other_files_gets_a_folder_in_it(convert_photos, tmp_path):
    shoot(tmp_path)
    (tmp_path / "out").mkdir()
    mine = tmp_path / "out" / "1.bmp"
    mine.write_bytes(b"mine")
    (tmp_path / "out.json").write_text("[]")
    for _ in range(2):
        assert convert_photos()[0] == 0
        names = [name.removeprefix("out/") for name in sorted(written(tmp_path))]
        inner = ["shots.json", "shots/1.bmp", "shots/1.bmp.c2pa", "shots/2.png"]
        assert names == ["out.json", "1.bmp", *inner]
    assert mine.read_bytes() == b"mine"


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_the_photo_of_another_one_is_kept(convert_photos, tmp_path, overwrite):
    write_image(tmp_path / "shots" / "one.png", plain_picture(0))
    mine = tmp_path / "out" / "shots" / "one.png"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    code, said = convert_photos(*overwrite)
    assert code == 2
    assert ("found none" if overwrite else "out/shots/one.png exists already") in said
    assert list(written(tmp_path)) == ["out/shots/one.png"]
    assert mine.read_bytes() == b"mine"


def test_shards_of_a_batch_convert_all_sources_together(convert_folder, tmp_path):
    for name in "abc":
        write_image(tmp_path / "in" / name / "1.png", moving_portrait(1))

    def convert(shard: str, *more: str) -> tuple[int, str]:
        code, *printed = convert_folder("in", "out", "--shard", shard, *more)
        return code, " ".join(printed)

    for shard in ("3/2", "0/2", "2"):
        code, said = convert(shard)
        assert code == 2
        assert "Expected --shard I/N" in said
    code, said = convert("1/2", "--preview", "1")
    assert code == 2
    assert "Omit --shard" in said
    assert not (tmp_path / "out").exists()
    code, said = convert("2/2")
    assert code == 0
    assert said.count("left to shard 1 of 2") == said.count("unfinished") == 2
    assert [path.name for path in (tmp_path / "out").glob("*/*.png")] == ["1.png"]
    assert (tmp_path / "out" / "b" / "1.png").is_file()
    code, said = convert("1/2")
    assert code == 0
    assert "unfinished" not in said
    assert len([*(tmp_path / "out").glob("*/*.png")]) == 3


def test_a_batch_goes_on_after_a_failure_and_skips_what_is_finished(convert_folder, tmp_path):
    for name, picture in (("a", moving_portrait), ("b", plain_picture), ("c", moving_portrait)):
        write_image(tmp_path / "in" / name / "1.png", picture(1))

    code, _, said = convert_folder("in", "out")
    assert code == 2
    assert "1 of 3 sources could not be converted" in said
    assert "b: Expected faces in" in said
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "a",
        "a.json",
        "c",
        "c.json",
    ]
    code, _, said = convert_folder("in", "out")
    assert code == 2
    assert said.count("already complete") == 2
    write_image(tmp_path / "in" / "b" / "1.png", moving_portrait(2))
    code, _, said = convert_folder("in", "out")
    assert code == 0
    assert (tmp_path / "out" / "b" / "1.png").is_file()
    (tmp_path / "out" / "b.json").unlink()
    (tmp_path / "out" / "b" / "1.png").write_bytes(b"mine")
    code, _, said = convert_folder("in", "out")
    assert code == 2
    assert "b/1.png exists already" in said


@pytest.fixture
def with_facesets(convert_folder, tmp_path):
    """A function that converts three photos, of which the second one has no faceset."""
    for number, name in enumerate("abc"):
        write_image(tmp_path / "in" / name / "1.png", moving_portrait(number))
    for name in "ac":
        source = find_sources([tmp_path / "in" / name])[0]
        extract_source(source, tmp_path / "faces" / name, ExtractSettings())

    def work(*arguments: object) -> tuple[int, str]:
        code, *printed = convert_folder("in", "out", "--faceset", tmp_path / "faces", *arguments)
        return code, " ".join(printed)

    return work


def test_a_source_without_a_faceset_does_not_end_the_others(with_facesets, tmp_path):
    code, said = with_facesets()
    assert code == 2
    assert "1 of 3 sources could not be converted" in said
    assert "b: Expected a faceset of" in said
    names = ["a", "a.json", "c", "c.json"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    code, said = with_facesets("--shard", "1/2")  # the second source would be of the other shard
    assert code == 2
    assert said.count("already complete") == 2


def test_a_source_without_a_faceset_does_not_end_the_sheets_of_the_others(with_facesets, tmp_path):
    code, said = with_facesets("--preview", "1")
    assert code == 2
    assert "1 of 3 sheets could not be made" in said
    assert len([*(tmp_path / "out").rglob("*.preview.png")]) == 2


def test_a_folder_without_facesets_is_refused_at_once(with_facesets, tmp_path):
    code, said = with_facesets("--faceset", tmp_path / "face")
    assert code == 2
    assert said.count("does not exist") == 1
    assert not (tmp_path / "out").exists()
