"""What ``faceswap extract`` takes for footage."""

import os
import shutil

import pytest

import faceswap.cli
from faceswap.core.command_line import run_program
from faceswap.facesets.faceset import Faceset
from faceswap.media.images import write_image
from tests.footage import moving_portrait, write_clip


@pytest.fixture
def extract(tmp_path, monkeypatch, capsys):
    """Runs the verb in an empty folder; gives exit code and what was printed."""
    monkeypatch.chdir(tmp_path)

    def work(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            run_program("faceswap", faceswap.cli.VERBS, "0", ["extract", *arguments])
        printed = capsys.readouterr()
        return int(ended.value.code or 0), " ".join((printed.out + printed.err).split())

    return work


@pytest.mark.parametrize("output", ["faces", "."])
def test_extracting_a_folder_twice_does_not_take_its_own_crops(extract, tmp_path, output):
    write_clip(tmp_path / "clip.mp4", 4)
    for said in ("4 faces in 4 of 4 frames", "already complete"):
        code, printed = extract(".", "-o", output)
        assert code == 0, printed
        assert said in printed
    (faceset,) = tmp_path.rglob("faceset.json")
    assert faceset.parent == tmp_path / output / "clip"


def _files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_overwrite_keeps_the_old_faceset_when_nothing_is_made(extract, tmp_path):
    photo = tmp_path / "me.png"
    write_image(photo, moving_portrait(0))
    assert extract("me.png", "-o", "f")[0] == 0
    (tmp_path / "f/me/images/mine.jpg").write_bytes(b"mine")
    before = _files(tmp_path / "f")

    code, printed = extract("me.png", "-o", "f", "--overwrite", "--min-size", "2000")
    assert (code, _files(tmp_path / "f")) == (2, before)
    assert "None of 1 faces was selected" in printed
    assert "min_size (1)" in printed
    photo.write_bytes(photo.read_bytes()[:300])
    code, _ = extract("me.png", "-o", "f", "--overwrite")
    assert (code, _files(tmp_path / "f")) == (2, before)

    write_image(photo, moving_portrait(1))
    assert extract("me.png", "-o", "f", "--overwrite", "--crop-size", "128")[0] == 0
    after = _files(tmp_path / "f")
    assert set(after) == set(before)
    assert [path.name for path in after if after[path] == before[path]] == ["mine.jpg"]


def test_overwrite_keeps_the_old_faceset_of_an_unreadable_video(extract, tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", 4)
    assert extract("clip.mp4", "-o", "f")[0] == 0
    before = _files(tmp_path / "f")
    clip.write_bytes(clip.read_bytes()[:2000])
    code, _ = extract("clip.mp4", "-o", "f", "--overwrite")
    assert (code, _files(tmp_path / "f")) == (2, before)


def test_what_is_skipped_is_said(extract, tmp_path):
    write_image(tmp_path / "p/ok.png", moving_portrait(0))
    shutil.copytree(tmp_path / "p", tmp_path / "p/@eaDir/ok.png")
    (tmp_path / "p/IMG_2.HEIC").write_bytes(b"x")
    code, printed = extract("p")
    assert code == 0
    assert "Skipped (tool folder): @eaDir." in printed
    assert "Skipped: 1 .heic (cannot be read; save as JPEG)." in printed
    assert [path.name for path in (tmp_path / "faces").iterdir()] == ["p"]


def test_names_of_any_kind(extract, tmp_path):
    for name in (os.fsdecode(b"sho\xffts"), "shots²"):
        write_image(tmp_path / "in" / name / "f².png", moving_portrait(0))
        write_image(tmp_path / "in" / name / os.fsdecode(b"f\xff.png"), moving_portrait(1))
    code, printed = extract("in")
    assert code == 0, printed
    for folder in (tmp_path / "faces").iterdir():
        assert len(Faceset.open(folder).faces()) == 2
    assert len(list((tmp_path / "faces").iterdir())) == 2
