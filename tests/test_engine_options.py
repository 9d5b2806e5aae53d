"""What verbs refuse with ``--engine ray``, and what they say at the end."""

import pytest

import faceswap.cli
from faceswap.core.command_line import run_program
from faceswap.core.errors import ConfigError
from faceswap.engine_options import ray_engine, show_outcomes
from faceswap.engines.work import Outcome
from faceswap.extraction.people_options import PeopleOptions
from tests.extraction.test_work import work
from tests.footage import write_clip


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("-o", "memory://faces"), "Expected a folder that all machines share"),
        (("-o", "faces", "--import", "faces.json"), "Imported faces belong to one source"),
        (("-o", "faces", "--device", "cuda:1"), "cuda"),
    ],
)
def test_extract_refuses_what_several_processes_cannot_do(
    tmp_path, monkeypatch, capsys, options, said
):
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "clip.mp4", 2)
    line = ["extract", "clip.mp4", *options, "--engine", "ray"]
    with pytest.raises(SystemExit) as ended:
        run_program("faceswap", faceswap.cli.VERBS, "0", line)
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert said in " ".join((printed.out + printed.err).split())
    assert not (tmp_path / "faces").exists()


def test_a_gpu_of_several_is_refused_before_anything_is_started():
    with pytest.raises(ConfigError, match="found 'cuda:1'"), ray_engine("", 3, "cuda:1"):
        pass


@pytest.mark.parametrize(("identity", "ordered"), [("on", True), ("off", False)])
def test_sources_are_joined_in_their_order_where_people_are_numbered(tmp_path, identity, ordered):
    assert work(tmp_path, people=PeopleOptions(identity)).ordered is ordered


def test_the_table_of_many_sources_shows_those_that_failed(capsys):
    outcomes = [Outcome(f"clip{i}", i, parts=1, frames=10, seconds=2.0) for i in range(51)]
    show_outcomes([*outcomes[:3], Outcome("kept", 1), Outcome("bad", reason="It is broken.")])
    printed = capsys.readouterr()
    rows = [line.split() for line in printed.out.splitlines() if "│" in line]
    cells = {row[1]: row[3::2] for row in rows}
    assert cells["clip1"][:4] == ["done", "1", "10", "5.0"]
    assert cells["kept"][0] == "kept"
    assert cells["bad"][0] == "failed"
    assert "4 sources of 5 complete, 1 failure, 30 frames processed." in printed.err
    show_outcomes([*outcomes, Outcome("bad", reason="It is broken.")])
    printed = capsys.readouterr().out
    assert "bad" in printed
    assert "clip1" not in printed
