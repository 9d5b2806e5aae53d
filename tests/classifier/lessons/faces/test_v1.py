import numpy as np

from classifier.lessons.faces import v1
from tests.classifier.lessons.drawing import check_figure


def test_v1_learns_and_swaps_both_ways(two_facesets):
    result = v1.compute(steps=30, width=8, batch=2, facesets=two_facesets)
    assert result.names == ("alice", "bob")
    assert result.faces == (64, 16)
    assert result.losses[-5:].mean() < result.losses[:5].mean()
    assert result.quality.l1 < 0.4
    for swap, rebuilt in zip(result.swaps, result.rebuilt, strict=True):
        assert (swap.frame != swap.swapped).any()
        assert not np.array_equal(rebuilt, swap.decoded)
        assert abs(rebuilt - swap.face).mean() < abs(swap.decoded - swap.face).mean()
    lines = v1.LESSON.describe(result)
    assert "30 steps on 64 faces; 16 held out" in lines[0]
    assert len(check_figure(v1.LESSON, result).subfigs) == 2
