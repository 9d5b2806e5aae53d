import logging

import pytest
import torch

from faceswap.core.errors import WeightsUnavailable
from faceswap.models.crowd import CROWD
from faceswap.training.monitoring.held_out import Quality
from faceswap.training.monitoring.measurement import Measurement
from faceswap.training.monitoring.swaps import Direction, SwapMeasurement
from faceswap.training.run.choice import ModelChoice
from faceswap.training.run.progress import SSIM
from tests.training.monitoring.seen import ColourJudge, changing, colours

CPU = torch.device("cpu")
MOUTHS = [0.0, 0.2, 0.5, 0.8, 1.0]
HELD_OUT = {"alice": colours(0.0, MOUTHS), "bob": colours(1.0, MOUTHS)}
PERFECT = {"alice": {0: 0.0}, "bob": {0: 1.0}}


def measured(model, held_out=HELD_OUT, judge=None, **options):
    options = {"counts_identity": True} | options
    opened = judge or ColourJudge()
    swaps = SwapMeasurement(held_out, lambda: opened, **options)
    quality = {name: Quality(1.0, 0.0) for name in held_out}
    return swaps.measure(model, quality, CPU, bf16=False)


def test_every_direction_is_measured():
    swaps = measured(changing(**PERFECT))
    assert list(swaps) == [("alice", "bob"), ("bob", "alice")]
    assert all(swap.score == pytest.approx(1, abs=0.01) for swap in swaps.values())


def test_each_direction_is_decoded_by_its_target():
    swaps = measured(changing(alice={}, bob={0: 1.0}))
    assert swaps[Direction("alice", "bob")].score > 0.9
    assert swaps[Direction("bob", "alice")].score == 0


def test_the_crowd_is_a_source_and_no_target():
    held_out = {**HELD_OUT, CROWD: colours(0.2, MOUTHS)}
    swaps = measured(changing(**PERFECT, **{CROWD: {}}), held_out)
    assert {target for _, target in swaps} == {"alice", "bob"}
    assert (CROWD, "bob") in swaps


def test_networks_are_loaded_once_and_inputs_seen_once():
    judge, opened = ColourJudge(), []
    swaps = SwapMeasurement(HELD_OUT, lambda: opened.append(1) or judge, counts_identity=True)
    assert not opened
    quality = {name: Quality(1.0, 0.0) for name in HELD_OUT}
    for _ in range(3):
        swaps.measure(changing(**PERFECT), quality, CPU, bf16=False)
    assert len(opened) == 1
    assert judge.crops == 10 + 3 * 10


def test_many_identities_share_the_outputs_of_an_evaluation():
    names = [f"p{number}" for number in range(6)]
    held_out = {name: colours(0.5, torch.linspace(0, 1, 32).tolist()) for name in names}
    judge = ColourJudge()
    directions = list(measured(changing(**{name: {} for name in names}), held_out, judge))
    assert judge.crops == 6 * 8 + 24 * 8
    assert len(directions) == 24  # of 30
    assert {source for source, _ in directions} == {target for _, target in directions} == {*names}


def test_faces_in_which_nothing_is_found_are_left_out():
    blind = {**HELD_OUT, "bob": colours(0.0, [0.0] * 5, yaw=0.0)}
    assert measured(changing(**PERFECT), blind) == {}
    assert measured(changing(**PERFECT), {"alice": HELD_OUT["alice"]}) == {}


def evaluation(swaps, model):
    return Measurement(ModelChoice(model, None), HELD_OUT, swaps, CPU, bf16=False).measure()


def test_the_swaps_decide_before_the_reconstructions():
    swaps = SwapMeasurement(HELD_OUT, ColourJudge, counts_identity=True)
    copies = evaluation(swaps, changing(alice={}, bob={}))
    swapped = evaluation(swaps, changing(alice={0: 0.1}, bob={0: 0.9}))
    assert copies.score is not None
    assert swapped.score is not None
    assert copies.score[1] > swapped.score[1]
    assert swapped.score > copies.score
    assert swapped.measure == "the swap score"
    figures = swapped.figures()
    assert figures["swap score/all"] == swapped.score[0]
    assert figures["swap pose error/alice as bob"] == pytest.approx(0, abs=0.1)


def test_the_trained_judge_does_not_judge_the_identity():
    swaps = SwapMeasurement(HELD_OUT, ColourJudge, counts_identity=False)
    copies = evaluation(swaps, changing(alice={}, bob={}))
    assert copies.score is not None
    assert copies.score[0] > 0.9
    assert copies.measure == "the swap score without identity"


def test_without_a_recognition_network_landmarks_decide():
    swaps = SwapMeasurement(
        HELD_OUT, lambda: ColourJudge(knows_identities=False), counts_identity=True
    )
    copies = evaluation(swaps, changing(alice={}, bob={}))
    frozen = evaluation(swaps, changing(alice={1: 0.5}, bob={1: 0.5}))
    assert copies.score is not None
    assert frozen.score is not None
    assert copies.score[0] > 0.9
    assert frozen.score[0] < 0.7
    assert copies.measure == frozen.measure == "the swap score without identity"
    assert {swap.identity for swap in copies.swaps.values()} == {None}
    assert "swap expression error/alice as bob" in copies.figures()
    assert not any("identity" in name for name in copies.figures())


def test_without_weights_the_reconstructions_decide_and_the_log_says_so_once(caplog):
    def missing():
        raise WeightsUnavailable("The weights of facemesh are missing.", "Fetch them.")

    swaps = SwapMeasurement(HELD_OUT, missing, counts_identity=True)
    with caplog.at_level(logging.WARNING, logger="faceswap"):
        first = evaluation(swaps, changing(**PERFECT))
        assert evaluation(swaps, changing(**PERFECT)).score == first.score
    assert first.measure == SSIM
    assert first.score == (pytest.approx(first.quality["alice"].ssim),)
    assert caplog.text.count("The weights of facemesh are missing. Fetch them.") == 1
