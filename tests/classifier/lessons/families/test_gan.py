import numpy as np
import pytest

from classifier.lessons.families import gan
from tests.classifier.lessons.drawing import check_figure


def test_coverage_counts_clusters_and_points_near_them() -> None:
    real = gan.sample_ring(20_000, np.random.default_rng(0))
    covered, near = gan.coverage(real)
    assert covered == gan.MODES
    # In two dimensions exp(-9 / 2) of a normal distribution is beyond three standard deviations.
    assert near == pytest.approx(1 - np.exp(-4.5), abs=0.003)
    assert gan.coverage(np.tile(gan.CENTRES[3], (100, 1))) == (1, 1.0)
    assert gan.coverage(np.zeros((100, 2))) == (0, 0.0)


def test_generator_covers_the_ring_unless_the_discriminator_is_slow() -> None:
    result = gan.compute(steps=600, batch=192)
    assert result.balanced.covered[600] >= 6
    assert max(result.slow.covered.values()) <= 2
    assert result.balanced.near[600] > 0.25
    assert len(result.balanced.discriminator_loss) == 600
    shown = result.balanced.snapshots[600]
    assert shown.points.shape == (1000, 2)
    assert 0 <= shown.judged.min() < shown.judged.max() <= 1
    assert check_figure(gan.LESSON, result).subfigs
    assert "of 8 clusters covered after 600 steps" in gan.describe(result)[0]
