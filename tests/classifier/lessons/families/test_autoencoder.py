from classifier.lessons.families import autoencoder
from tests.classifier.lessons.drawing import check_figure


def test_autoencoder_error_falls_with_steps_and_width() -> None:
    result = autoencoder.compute(images=400, steps=220, widths=(16, 2))
    steps = sorted(result.history)
    assert result.history[steps[-1]] < 0.5 * result.history[steps[0]]
    assert result.error[16] < result.error[2]
    assert result.pca[16] < result.pca[2]
    assert (result.followed, result.originals.shape) == (16, (8, 32, 32))
    assert check_figure(autoencoder.LESSON, result).subfigs
