"""The verb: options, output files, and messages about skipped metrics."""

import json

import pytest

import faceswap
import faceswap.evaluate as verb
from faceswap import __version__
from faceswap.core.documents import read_json
from faceswap.core.errors import ConfigError, OutputBusyError, OutputExistsError, WeightsUnavailable
from faceswap.core.locks import hold_folder
from faceswap.recognizers.registry import DEFAULT
from tests.evaluation.conftest import Colours


def no_weights(*_args, **_options):
    raise WeightsUnavailable("These weights are nowhere.", "Fetch them.")


@pytest.fixture
def without(monkeypatch):
    monkeypatch.setattr(verb, "build_recognizer", no_weights)
    monkeypatch.setattr(verb, "load_lpips", no_weights)


def test_missing_weights_skip_metrics(run, without, tmp_path, capsys):
    verb.evaluate([run], tmp_path / "out", frames=2, baseline=True, device="cpu")
    shown = capsys.readouterr()
    assert (
        "Skipped: similarity to target, similarity to source, ID retrieval, identity drift: "
        "These weights are nowhere. Fetch" in (shown.err)
    )
    assert "Skipped: LPIPS: These weights are nowhere." in shown.err
    assert "pitch [°], lower is better: " in shown.err
    assert "alice as bob (2 frames)" in shown.out
    numbers = read_json(tmp_path / "out" / "metrics.json")
    assert numbers["runs"][0]["step"] == 7
    ways = [(swap["method"], swap["source"], swap["target"]) for swap in numbers["swaps"]]
    names = ["run", "run, reconstructed", "unswapped", "nearest crop"]
    assert ways[:4] == [(name, "alice", "bob") for name in names]
    assert ("run", "bob", "alice") in ways
    assert (tmp_path / "out" / "index.html").stat().st_size > 20_000


def test_identity_is_not_judged_by_the_network_of_a_loss(make_run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(verb, "build_recognizer", Colours)
    monkeypatch.setattr(verb, "load_lpips", no_weights)
    run = make_run()
    path = run / "model" / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"loss_recognizers": [DEFAULT]}))
    options = {"frames": 1, "baseline": True, "device": "cpu"}
    verb.evaluate([run], tmp_path / "out", **options)
    said = f"run was trained with {DEFAULT}, by which identity is measured"
    shown = capsys.readouterr().err
    assert f"similarity to source, ID retrieval, identity drift: {said}" in shown
    swaps = read_json(tmp_path / "out" / "metrics.json")["swaps"]
    assert "similarity_target" not in str(swaps)
    verb.evaluate([run], tmp_path / "all", require=["identity"], **options)
    assert f"{said}, so that its values are too good." in capsys.readouterr().err
    assert "similarity_target" in str(read_json(tmp_path / "all" / "metrics.json")["swaps"])
    with pytest.raises(ConfigError, match=said):
        faceswap.evaluate_runs([run], frames=2, device="cpu")


def test_only_an_earlier_evaluation_is_replaced(run, without, tmp_path):
    def evaluate(**options):
        verb.evaluate([run], tmp_path / "out", frames=1, device="cpu", **options)

    numbers, page = tmp_path / "out" / "metrics.json", tmp_path / "out" / "index.html"
    evaluate()
    numbers.write_text(numbers.read_text().replace(f" {__version__}", " 0.1"))
    evaluate()
    assert f" {__version__}" in numbers.read_text()
    for path, mine in (
        (page, "<!doctype html><p>Mine, about faceswap-toolkit</p>"),
        (numbers, '{"program": "mine", "metrics": {}, "swaps": []}'),
    ):
        theirs = path.read_text()
        path.write_text(mine)
        with pytest.raises(OutputExistsError, match=f"{path.name} exists already"):
            evaluate()
        assert path.read_text() == mine
        path.write_text(theirs)
    page.write_text("mine")
    evaluate(overwrite=True)
    assert page.read_text().startswith("<!doctype html>")
    with hold_folder(tmp_path / "out", "another evaluation"), pytest.raises(OutputBusyError):
        evaluate()


@pytest.mark.parametrize("needed", ["identity", "lpips"])
def test_required_metrics_must_be_measurable(run, needed, tmp_path, monkeypatch):
    monkeypatch.setattr(verb, "build_recognizer", no_weights if needed == "identity" else Colours)
    monkeypatch.setattr(verb, "load_lpips", no_weights)
    with pytest.raises(WeightsUnavailable, match="nowhere"):
        verb.evaluate([run], tmp_path / "out", frames=2, require=[needed], device="cpu")
    assert not (tmp_path / "out").exists()


def test_converted_video(clips, facesets, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(verb, "build_recognizer", Colours)
    verb.evaluate(
        output=tmp_path / "out",
        converted=clips["alice"],
        source=clips["alice"],
        faceset=facesets["alice"].path,
        frames=4,
        device="cpu",
    )
    shown = capsys.readouterr()
    expected = "similarity to target, ID retrieval, sharpness: the target is unknown; add --target"
    assert expected in shown.err
    assert "audio packets equal" in shown.out
    assert read_json(tmp_path / "out" / "metrics.json")["file"]["frames_missing"] == 0


def test_detector_set(make_run, tmp_path, capsys, monkeypatch):
    run = make_run("three", {"alice": "alice", "bob": "bob", "carol": "carol"})
    monkeypatch.setattr("faceswap.evaluation.detector_set._GAP", 3)
    verb.evaluate([run], make_set=tmp_path / "set", frames=5, test=["alice"], device="cpu")
    assert "test: 5 real and 5 swapped faces (alice)." in capsys.readouterr().err
    assert len(list((tmp_path / "set" / "test" / "swapped").iterdir())) == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Nothing to evaluate"),
        ({"converted": "a.mp4"}, "needs --source"),
        ({"source": "a.mp4"}, "need --converted"),
        ({"runs": ["r"], "converted": "a.mp4", "source": "b.mp4"}, "combined"),
        ({"make_set": "s"}, "Nothing to evaluate"),
        ({"runs": ["r"], "test": ["alice"]}, "needs --make-detector-set"),
        ({"runs": ["r"], "make_set": "s", "target": "t"}, "runs only"),
        ({"runs": ["r"], "require": ["luck"]}, "luck"),
    ],
)
def test_invalid_combinations_are_rejected(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=message):
        verb.evaluate(**options, device="cpu")
    assert not list(tmp_path.iterdir())
