import time

import numpy as np

from faceswap.extraction.stages import Stages
from faceswap.media.frame import Frame


def test_each_stage_has_the_rate_it_would_have_by_itself(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def decoded():
        for i in range(4):
            now[0] += 1
            yield Frame(i, i, float(i), np.zeros((2, 2, 3), np.uint8))

    def tracked(frames):
        for frame in frames:
            now[0] += 2
            yield frame

    stages = Stages()
    assert stages.rates() == {}
    for _ in stages.track(tracked(stages.wait(stages.decode.over(decoded())))):
        with stages.write:
            now[0] += 4
    assert stages.rates() == {"decode": 1.0, "track": 0.5, "write": 0.25}
