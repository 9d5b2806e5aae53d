import numpy as np

from classifier.lessons.faces import v2
from tests.classifier.lessons.drawing import check_figure


def test_the_losses_and_the_masks_differ_and_nothing_else(two_facesets):
    result = v2.compute(steps=4, batch=2, facesets=two_facesets)
    assert np.array_equal(result.pixels.swap.face, result.structure.swap.face)
    assert not np.array_equal(result.pixels.swap.decoded, result.structure.swap.decoded)
    # The learned mask narrows that of the landmarks, and changes no decoded face.
    assert np.array_equal(result.unmasked.decoded, result.structure.swap.decoded)
    assert (result.structure.swap.mask <= result.unmasked.mask + 0.02).all()
    assert 0 <= result.changed < 1
    assert len(v2.LESSON.describe(result)) == 4
    check_figure(v2.LESSON, result, *result.names)
