"""The memory of a simulated training, against bytes counted by hand and against real steps."""

import pytest

from faceswap.core.memory_tracker import MemoryTracker
from faceswap.models import build_model
from faceswap.training.build import open_training
from faceswap.training.fit.simulated_training import simulate
from faceswap.training.fit.state_memory import gathered_bytes
from faceswap.training.loop.shard_model import units
from tests.training.tiny import PEOPLE, configured


def numbers(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_state_is_that_of_weights_gradients_moments_average_and_discriminators():
    config = configured("optimizer.ema=0.9", "adversarial.power=0.1", "adversarial.dims=4")
    model = build_model("tiny", PEOPLE)
    weights = 4 * numbers(model)
    with simulate(config, PEOPLE, "fp32") as training:
        state = training.state
        peaks = {batch: training.peak(batch, 0) for batch in (2, 4, 6)}
    assert (state.weights, state.gradients, state.ema) == (weights, weights, weights)
    count = len(list(model.parameters()))
    assert state.optimizer == 2 * weights + 4 * count  # and the steps that Adam counts
    assert state.networks > 0
    assert peaks[2] > state.total
    # Activations grow with the faces.
    assert peaks[6] - peaks[4] == pytest.approx(peaks[4] - peaks[2], rel=0.02)


def test_frozen_parts_and_parts_of_a_batch_take_less():
    def peak(*settings, batch=8):
        with simulate(configured(*settings), PEOPLE, "fp32") as training:
            return training.peak(batch, 0), training.state

    plain, state = peak()
    frozen, lean = peak("training.freeze=[encoder]")
    assert lean.gradients < state.gradients
    assert lean.optimizer < state.optimizer
    parts, _ = peak("training.micro_batches=4")
    recomputed, _ = peak("training.checkpointing=true")
    assert frozen < plain
    assert parts - state.total < 0.5 * (plain - state.total)
    assert recomputed < plain
    with simulate(configured(), PEOPLE, "fp32", processes=2) as training:
        assert training.peak(16, 0) == plain  # half of the faces in each


def test_swaps_of_matched_pairs_are_counted():
    peaks = []
    for match in (0.0, 0.5, 1.0):
        config = configured(f"data.match={match}", "loss.swap=0.5")
        with simulate(config, PEOPLE, "fp32") as training:
            peaks.append(training.peak(8, 0))
    assert peaks[0] < peaks[1] < peaks[2]


@pytest.mark.parametrize("extra", [(), ("training.checkpointing=true", "optimizer.lr_dropout=0.5")])
def test_a_real_step_makes_the_tensors_that_were_simulated(extra, faces, tmp_path):
    config = configured("optimizer.ema=0.9", "training.batch=8", *extra)
    with simulate(config, PEOPLE, "fp32") as training:
        expected = training.peak(8, 0)
        fixed = training.state.weights + training.state.ema
    with (
        open_training(config, faces, tmp_path / "run", writes=False) as (_, trainer),
        MemoryTracker() as tracker,
    ):
        losses = trainer.sweep([1e-4] * 3)
        next(losses)
        next(losses)
        # Weights and their average were made before; the moments of the optimizer are counted.
        found = tracker.peak + fixed
        losses.close()
    assert found == pytest.approx(expected, rel=0.1)


def test_divided_models_are_counted_by_their_parts_and_what_is_gathered():
    def of(*settings, processes=4):
        shape = ("model.name=original", "model.options={width: 16}", "optimizer.ema=0.9")
        config = configured(*shape, *settings)
        with simulate(config, PEOPLE, "fp32", processes) as training:
            return training.peak(4, 0), training.state

    whole, state = of()
    divided, parts = of("training.shard=true")
    alone, same = of("training.shard=true", processes=1)
    assert alone > whole  # four faces instead of one
    assert same == state
    for name in ("weights", "gradients", "ema", "optimizer"):
        assert getattr(parts, name) == pytest.approx(getattr(state, name) / 4, rel=0.05)
    model = build_model("original", PEOPLE, {"width": 16})
    gathered = gathered_bytes(model)
    largest = max(4 * numbers(unit) for unit in units(model))
    assert largest < gathered <= 3 * largest
    saved = state.total - parts.total
    assert divided >= parts.total + gathered
    assert whole - saved <= divided <= whole - 0.5 * saved + gathered
