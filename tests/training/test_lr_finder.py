"""The LR finder on a new and on an existing run, which it leaves as it is."""

import pytest

from faceswap.core.errors import ConfigError
from faceswap.train import suggest_lr
from faceswap.training.build import open_training, run_training
from faceswap.training.discriminators.trained import TrainedDiscriminator
from faceswap.training.lr_finder import find_lr
from tests.training.tiny import configured, same, weights


def found(config, faces, run):
    with open_training(config, faces, run, writes=False) as (opened, trainer):
        return find_lr(opened, trainer, run / "logs" / "plot.png")


def content(run):
    """Content of all files of a run but its cache and hidden ones, by path."""
    files = [path for path in run.rglob("*") if path.is_file() and path.name[0] != "."]
    return {path: path.read_bytes() for path in files if run / "cache" not in path.parents}


def test_a_new_run_gets_a_plot_alone_and_trains_as_without(faces, tmp_path):
    config = configured("training.steps=4", "optimizer.ema=0.9")
    result, suggestion = found(config, faces, tmp_path / "run")
    assert list(content(tmp_path / "run")) == [tmp_path / "run" / "logs" / "plot.png"]
    assert len(result.losses) > 20
    assert 1e-5 < suggestion < 0.3
    for name in ("run", "other"):
        run_training(config, faces, tmp_path / name)
    assert same(weights(tmp_path / "run"), weights(tmp_path / "other"))


def test_an_existing_run_is_left_as_it_is(faces, tmp_path):
    run_training(configured("training.steps=2"), faces, tmp_path / "run")
    before = content(tmp_path / "run")
    changed = configured("training.steps=9", "optimizer.lr=0.01")
    result, _ = found(changed, faces, tmp_path / "run")
    after = content(tmp_path / "run")
    assert after.pop(tmp_path / "run" / "logs" / "plot.png")
    assert after == before
    again, _ = found(changed, faces, tmp_path / "run")
    assert again.losses.tolist() == result.losses.tolist()


def watch_discriminators(monkeypatch):
    """The rates of the steps of discriminators to come."""
    rates: list[float] = []
    update = TrainedDiscriminator.update

    def watched(self, lr, clip):
        rates.append(lr)
        update(self, lr, clip)

    monkeypatch.setattr(TrainedDiscriminator, "update", watched)
    return rates


def test_discriminators_keep_their_rate_while_those_of_the_model_are_tried(
    faces, tmp_path, monkeypatch
):
    rates = watch_discriminators(monkeypatch)
    settings = ("adversarial.power=0.1", "adversarial.dims=4", "adversarial.lr=3e-4")
    found(configured("optimizer.warmup=4", *settings), faces, tmp_path / "run")
    assert len(rates) > 20
    assert rates[:6] == pytest.approx([0.75e-4, 1.5e-4, 2.25e-4, *[3e-4] * 3])
    assert set(rates[6:]) == {rates[5]}


def test_the_verb_prints_losses_and_a_suggestion(faces, tmp_path, capsys):
    suggest_lr(configured(), faces, tmp_path / "run")
    printed = capsys.readouterr()
    suggestion = float(printed.err.split("--set optimizer.lr=")[1].split()[0])
    assert 1e-5 < suggestion < 0.3
    assert "learning rate" in printed.out
    assert len(printed.out.splitlines()) > 8
    assert (tmp_path / "run" / "logs" / "lr-finder.png").stat().st_size > 1000


def test_prodigy_has_no_rate_to_find(faces, tmp_path):
    config = configured("optimizer.name=prodigy", "optimizer.lr=1.0")
    with pytest.raises(ConfigError, match="itself"):
        suggest_lr(config, faces, tmp_path / "run")
    assert not (tmp_path / "run").exists()
