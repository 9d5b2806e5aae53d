import logging

import pytest

from faceswap.training.build import run_training
from faceswap.training.monitoring.collapse import warn_of_collapse
from faceswap.training.monitoring.evaluation_log import Evaluation
from faceswap.training.monitoring.held_out import Quality
from faceswap.training.monitoring.measurement import Measured
from faceswap.training.monitoring.report import Reporter
from tests.training.tiny import configured


def evaluation(step: int, **variety: float | None) -> Evaluation:
    identities = {name: {"ssim": 0.6, "variety": value} for name, value in variety.items()}
    return Evaluation(step, 1.0, "", "", (0.3,), {}, identities)


def warnings_of(evaluations: list[Evaluation], caplog: pytest.LogCaptureFixture) -> list[str]:
    """Warnings of a training with these evaluations."""
    with caplog.at_level(logging.WARNING):
        for end in range(len(evaluations) + 1):
            warn_of_collapse(evaluations[:end])
    return [record.message for record in caplog.records]


def test_one_face_whatever_the_input_is_reported_once(caplog: pytest.LogCaptureFixture):
    run = [evaluation(step, alice=0.03, bob=0.04) for step in (0, 500, 1000, 1500, 2000)]
    (message,) = warnings_of(run, caplog)
    assert "steps 500 and 1000" in message


@pytest.mark.parametrize(
    "run",
    [
        [evaluation(0, alice=0.0), evaluation(200, alice=0.02), evaluation(500, alice=0.4)],
        [evaluation(500, alice=0.02), evaluation(1000, alice=0.4), evaluation(1500, alice=0.02)],
        [evaluation(500, alice=0.02, bob=0.4), evaluation(1000, alice=0.02, bob=0.5)],
        [evaluation(500, alice=None), evaluation(1000, alice=None)],
        [evaluation(500), evaluation(1000)],
    ],
    ids=["the beginning", "not in a row", "one identity follows", "still footage", "none held out"],
)
def test_others_are_not(run: list[Evaluation], caplog: pytest.LogCaptureFixture):
    assert not warnings_of(run, caplog)


def test_a_second_collapse_is_reported_again(caplog: pytest.LogCaptureFixture):
    varieties = (0.02, 0.02, 0.5, 0.02, 0.02)
    run = [evaluation(500 * (i + 1), alice=value) for i, value in enumerate(varieties)]
    assert len(warnings_of(run, caplog)) == 2


def test_a_resumed_training_reports_it(faces, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("faceswap.training.monitoring.collapse._EARLY", 2)
    collapsed = Measured({"alice": Quality(0.6, 0.1, 0.001)})
    monkeypatch.setattr(Reporter, "measure", lambda self, step: collapsed)
    run_training(configured("training.steps=2", "output.save_every=2"), faces, tmp_path / "run")
    assert "has collapsed" not in caplog.text
    run_training(configured("training.steps=4", "output.save_every=2"), faces, tmp_path / "run")
    assert "steps 2 and 4: the training has collapsed" in caplog.text
