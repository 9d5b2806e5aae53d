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

    def work(seconds, frames):
        for frame in frames:
            now[0] += seconds
            yield frame

    stages = Stages()
    assert stages.rates() == {}
    decoding = stages.detect.takes(stages.decode.over(decoded()))
    searched = stages.detect.gives(work(0.5, decoding))
    for _ in stages.track.gives(work(2, stages.track.takes(searched))):
        with stages.write:
            now[0] += 4
    assert stages.rates() == {"decode": 1.0, "detect": 2.0, "track": 0.5, "write": 0.25}
