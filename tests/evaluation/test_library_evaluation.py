from pathlib import Path

import faceswap


def test_runs_are_evaluated_without_the_recognizer(run: Path) -> None:
    counted = []
    found = faceswap.evaluate_runs(
        [run], frames=2, identity=False, device="cpu", on_frames=counted.append
    )
    sources = {comparison.results[0].source for comparison in found.comparisons}
    assert sources == {"alice", "bob"}
    assert sum(counted) == 4
    assert all(result.summary.frames == 2 for one in found.comparisons for result in one.results)
