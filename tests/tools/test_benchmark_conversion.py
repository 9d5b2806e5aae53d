"""The benchmark of conversion runs for plain and for guided models."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from faceswap.models import build_model
from faceswap.models.model_file import ModelMeta, save_model
from tests.conversion.guided import COVERAGE, synthetic_people
from tests.footage import write_clip

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.mark.parametrize("guided", [True, False])
def test_each_stage_has_a_rate(tmp_path, monkeypatch, capsys, guided):
    if guided:
        loaded = synthetic_people()
        model, meta = loaded.model, loaded.meta
    else:
        model = build_model("small", ["alice", "bob"], {})
        meta = ModelMeta("small", {}, ("alice", "bob"), COVERAGE, 0)
    save_model(tmp_path / "model", model, meta)
    clip = write_clip(tmp_path / "clip.mp4", 4, sound=False)
    monkeypatch.syspath_prepend(TOOLS)
    chosen = ["--model", str(tmp_path / "model"), "--to", "bob", "--frames", "4"]
    monkeypatch.setattr(sys, "argv", ["benchmark.py", "convert", str(clip), *chosen])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(TOOLS / "benchmark.py"), run_name="__main__")
    assert not ended.value.code
    rates = [
        float(line.split(" frames/s")[0].split()[-1])
        for line in capsys.readouterr().out.splitlines()
    ]
    assert len(rates) == 5  # decode, swap, blend, encode, and all of them
    assert np.isfinite(rates).all()
    assert min(rates) > 0
