"""The verb: what it takes, what it writes, what it says when something is missing."""

import pytest

import faceswap.evaluate as verb
from faceswap.core.errors import ConfigError, WeightsUnavailable
from faceswap.core.files import read_json
from tests.evaluation.conftest import Colours


def no_weights(*_args, **_options):
    raise WeightsUnavailable("These weights are nowhere.", "Fetch them.")


@pytest.fixture
def without(monkeypatch):
    monkeypatch.setattr(verb, "build_recognizer", no_weights)
    monkeypatch.setattr(verb, "load_lpips", no_weights)


def test_runs_without_weights_say_what_is_left_out(run, without, tmp_path, capsys):
    verb.evaluate([run], tmp_path / "out", frames=2, baseline=True, device="cpu")
    said = capsys.readouterr()
    assert (
        "Left out: like target, like source, taken for target: These weights are nowhere. Fetch"
        in (said.err)
    )
    assert "Left out: LPIPS: These weights are nowhere." in said.err
    assert "pitch [°], lower is better: " in said.err
    assert "alice as bob (2 frames)" in said.out
    numbers = read_json(tmp_path / "out" / "metrics.json")
    assert numbers["runs"][0]["step"] == 7
    ways = [(swap["method"], swap["source"], swap["target"]) for swap in numbers["swaps"]]
    names = ["run", "run, redrawn", "unswapped", "nearest crop"]
    assert ways[:4] == [(name, "alice", "bob") for name in names]
    assert ("run", "bob", "alice") in ways
    assert (tmp_path / "out" / "index.html").stat().st_size > 20_000


@pytest.mark.parametrize("needed", ["identity", "lpips"])
def test_what_is_required_must_be_there(run, needed, tmp_path, monkeypatch):
    monkeypatch.setattr(verb, "build_recognizer", no_weights if needed == "identity" else Colours)
    monkeypatch.setattr(verb, "load_lpips", no_weights)
    with pytest.raises(WeightsUnavailable, match="nowhere"):
        verb.evaluate([run], tmp_path / "out", frames=2, require=[needed], device="cpu")
    assert not (tmp_path / "out").exists()


def test_a_converted_file(clips, facesets, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(verb, "build_recognizer", Colours)
    verb.evaluate(
        output=tmp_path / "out",
        converted=clips["alice"],
        source=clips["alice"],
        faceset=facesets["alice"].path,
        frames=4,
        device="cpu",
    )
    said = capsys.readouterr()
    assert "nobody said whose face it should be; add --target FACESET" in said.err
    assert "sound packets" in said.out
    assert read_json(tmp_path / "out" / "metrics.json")["file"]["frames_missing"] == 0


def test_a_detector_set(make_run, tmp_path, capsys, monkeypatch):
    run = make_run("three", {"alice": "alice", "bob": "bob", "carol": "carol"})
    monkeypatch.setattr("faceswap.evaluation.detector_set._GAP", 3)
    verb.evaluate([run], make_set=tmp_path / "set", frames=5, test=["alice"], device="cpu")
    assert "test: 5 real and 5 swapped faces (alice)." in capsys.readouterr().err
    assert len(list((tmp_path / "set" / "test" / "swapped").iterdir())) == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "nothing to evaluate"),
        ({"converted": "a.mp4"}, "not named"),
        ({"source": "a.mp4"}, "need --converted"),
        ({"runs": ["r"], "converted": "a.mp4", "source": "b.mp4"}, "at once"),
        ({"make_set": "s"}, "nothing to evaluate"),
        ({"runs": ["r"], "test": ["alice"]}, "goes with"),
        ({"runs": ["r"], "make_set": "s", "target": "t"}, "runs alone"),
        ({"runs": ["r"], "require": ["luck"]}, "luck"),
    ],
)
def test_what_does_not_go_together_is_said(options, message):
    with pytest.raises(ConfigError, match=message):
        verb.evaluate(**options, device="cpu")
