"""What goes wrong at the user's end: exit code 2, a few clear lines, no traceback, nothing lost."""

from pathlib import Path

import av
import numpy as np
import pytest

import faceswap.cli
from faceswap.core.command_line import run_program
from faceswap.media.images import write_image
from tests.facesets.written import write_faceset
from tests.footage import moving_portrait, plain_picture, write_clip


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Runs the command line in an empty folder; gives exit code and what was said on stderr."""
    monkeypatch.chdir(tmp_path)

    def run_in_process(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            run_program("faceswap", faceswap.cli.VERBS, "0", list(arguments))
        return int(ended.value.code or 0), capsys.readouterr().err

    return run_in_process


def fails(result: tuple[int, str], *said: str) -> None:
    code, text = result
    assert code == 2, text
    assert "Traceback" not in text
    errors = text[text.index("Error: ") :].strip().splitlines()
    assert 1 <= len(errors) <= 4, text
    for words in said:
        assert words in text


def sound_only(path: Path) -> Path:
    with av.open(path, "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 16000), np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate, frame.pts = 16000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_no_such_file(run):
    fails(run("extract", "absent.mp4"), "absent.mp4")
    fails(run("convert", "absent.mp4", "--model", "m", "--to", "bob", "-o", "out.mp4"), "m")


def test_empty_folder(run, tmp_path):
    (tmp_path / "empty").mkdir()
    fails(run("extract", "empty"), "empty", "no video")


def test_text_file_called_mp4(run, tmp_path):
    (tmp_path / "text.mp4").write_text("no video at all\n" * 100)
    fails(run("extract", "text.mp4"), "text.mp4")
    assert not (tmp_path / "faces").exists()


def test_mp4_that_lost_its_index(run, tmp_path):
    clip = write_clip(tmp_path / "whole.mkv", 8)
    data = clip.read_bytes()
    (tmp_path / "half.mp4").write_bytes(b"\0\0\0\x18ftypisom" + data[:2000])
    fails(run("extract", "half.mp4"), "half.mp4")


def test_audio_only(run, tmp_path):
    sound_only(tmp_path / "song.mp4")
    fails(run("extract", "song.mp4"), "song.mp4")


def test_video_without_faces(run, tmp_path):
    write_clip(tmp_path / "waves.mp4", 6, plain_picture)
    fails(run("extract", "waves.mp4"), "No face was found")


def test_the_reason_why_a_photo_is_unreadable(run, tmp_path):
    write_image(tmp_path / "half.jpg", moving_portrait(0))
    (tmp_path / "half.jpg").write_bytes((tmp_path / "half.jpg").read_bytes()[:4000])
    fails(run("extract", "half.jpg"), "half.jpg is truncated")
    assert not (tmp_path / "faces/half").exists()
    (tmp_path / "photos").mkdir()
    write_image(tmp_path / "photos/waves.png", plain_picture(0))
    (tmp_path / "photos/heic.jpg").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    fails(run("extract", "photos"), "No face was found", "heic.jpg", "HEIC image")


def test_one_bad_source_among_good_ones_costs_only_itself(run, tmp_path):
    (tmp_path / "videos").mkdir()
    write_clip(tmp_path / "videos" / "a.mp4", 4)
    (tmp_path / "videos" / "b.mp4").write_text("no video")
    write_image(tmp_path / "videos" / "photos" / "c.png", moving_portrait(0))
    fails(run("extract", "videos"), "1 of 3 sources", "b:")
    for name in ("a", "photos"):
        assert (tmp_path / "faces" / name / "faces.parquet").exists()


def test_too_small_a_faceset(run, tmp_path):
    for name in ("alice", "bob"):
        write_faceset(tmp_path / name)
    fails(run("train", "--faces", "alice=alice", "--faces", "bob=bob", "-o", "run"), "found 6")
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--config", "v11"], "v1"),
        (["--set", "optimizer.lrr=1"], "optimizer.lr"),
        (["--set", "optimizer.lr=fast"], "fast"),
        (["--set", "model.name=origonal"], "original"),
    ],
)
def test_unknown_recipe_or_key_or_value(run, tmp_path, arguments, said):
    for name in ("alice", "bob"):
        write_faceset(tmp_path / name)
    faces = ["--faces", "alice=alice", "--faces", "bob=bob", "-o", "run"]
    fails(run("train", *faces, *arguments), said)


def test_one_identity_only(run, tmp_path):
    write_faceset(tmp_path / "alice")
    fails(run("train", "--faces", "alice=alice", "-o", "run"), "two identities")


def test_a_model_that_is_not_ours(run, tmp_path):
    clip = str(write_clip(tmp_path / "clip.mp4", 3))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model.json").write_text('{"name": "something else"}')
    for model in ("other", "absent"):
        fails(run("convert", clip, "--model", model, "--to", "bob", "-o", "out.mp4"), model)
    assert not (tmp_path / "out.mp4").exists()


def test_weights_unavailable_offline(run, tmp_path, monkeypatch):
    monkeypatch.setenv("FACESWAP_OFFLINE", "1")
    monkeypatch.setenv("FACESWAP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FACESWAP_WEIGHTS", str(tmp_path / "nothing"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    clip = str(write_clip(tmp_path / "clip.mp4", 3))
    fails(run("extract", clip), "blazeface", "sha256", "FACESWAP_WEIGHTS", str(tmp_path / "cache"))


def test_wrong_usage(run):
    code, text = run("extract")
    assert code == 2
    assert "Traceback" not in text
    code, _ = run("extrct", "x")
    assert code == 2
