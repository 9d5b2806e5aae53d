import numpy as np

from classifier.lessons.faces import v3
from faceswap.core.config import load_config
from faceswap.training.settings import TrainConfig
from tests.classifier.lessons.drawing import check_figure


def test_phases_are_those_of_the_recipe_and_end_at_whole_steps():
    given = load_config(TrainConfig, "faceswap", "v3", ["training.steps=50", v3._phases(40, 50)])
    recipe = load_config(TrainConfig, "faceswap", "v3")
    assert [phase.name for phase in given.phases] == [phase.name for phase in recipe.phases]
    assert [50 * (phase.share or 0) for phase in given.phases] == [24, 16, 0]
    assert [phase.adversarial.power for phase in given.in_phases()] == [0, 0, 0.1]
    assert [phase.loss.eyes for phase in given.in_phases()] == [
        phase.loss.eyes for phase in recipe.in_phases()
    ]


def test_each_stage_has_one_change(two_facesets):
    result = v3.compute(steps=5, batch=2, facesets=two_facesets)
    stages = (
        result.pixels,
        result.structure,
        result.masked,
        result.resolved,
        result.adversarial,
    )
    assert [each.steps for each in stages] == [5, 5, 5, 5, 7]
    assert [each.swap.decoded.shape[0] for each in stages] == [64, 64, 64, 96, 96]
    assert all(np.array_equal(each.swap.frame, stages[0].swap.frame) for each in stages)
    # The mask changes the frame and not the face; everything else changes the face.
    assert np.array_equal(result.structure.swap.decoded, result.masked.swap.decoded)
    assert not np.array_equal(result.structure.swap.mask, result.masked.swap.mask)
    assert not np.array_equal(result.pixels.swap.decoded, result.structure.swap.decoded)
    assert not np.array_equal(result.resolved.swap.decoded, result.adversarial.swap.decoded)
    assert result.structure.sharpness != result.masked.sharpness
    assert result.names == ("bob", "alice")
    assert len(v3.LESSON.describe(result)) == 5
    check_figure(v3.LESSON, result, "bob", "96 px")
