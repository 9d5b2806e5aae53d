"""What ``faceswap extract`` takes for footage."""

import shutil

import pytest

import faceswap.cli
from faceswap.core.command_line import run_program
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
    write_image(tmp_path / "shots/one.png", moving_portrait(0))
    for said in ("4 faces in 4 of 4 frames", "already complete"):
        code, printed = extract(".", "-o", output)
        assert code == 0, printed
        assert said in printed
    assert {path.parent for path in tmp_path.rglob("faceset.json")} == {
        tmp_path / output / "clip",
        tmp_path / output / "shots" if output != "." else tmp_path / "shots",
    }


def test_what_is_passed_over_is_said(extract, tmp_path):
    write_image(tmp_path / "p/ok.png", moving_portrait(0))
    shutil.copytree(tmp_path / "p", tmp_path / "p/@eaDir/ok.png")
    (tmp_path / "p/IMG_2.HEIC").write_bytes(b"x")
    code, printed = extract("p")
    assert code == 0
    assert "Passed over (tool folder): @eaDir." in printed
    assert "Passed over: 1 .heic (cannot be read; save as JPEG)." in printed
    assert [path.name for path in (tmp_path / "faces").iterdir()] == ["p"]
