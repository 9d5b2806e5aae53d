import numpy as np

from classifier.lessons.faces import deepfakes
from tests.classifier.lessons.drawing import check_figure


def test_swapped_faces_resemble_the_other_identity() -> None:
    result = deepfakes.compute(steps=80, crops=32, batch=4)
    assert all(error < mean for error, mean in zip(result.error, result.baseline, strict=True))
    assert result.difference > 0.08
    # The mean colour of a swapped face is nearer to the other identity than to its own.
    for own in (0, 1):
        colour = result.swapped[own].mean((0, 1, 2))
        towards = np.abs(colour - result.faces[1 - own].mean((0, 1, 2))).sum()
        assert towards < np.abs(colour - result.faces[own].mean((0, 1, 2))).sum()
    assert result.history[-5:].mean() < 0.7 * result.history[:5].mean()
    assert check_figure(deepfakes.LESSON, result, *result.names).subfigs
