"""onnxruntime without its telemetry."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from faceswap.core.onnx_format import model, node
from faceswap.core.onnx_runtime import open_session

LEAVES_HOME_EMPTY = """
from pathlib import Path
from tests.core.test_onnx_runtime import doubler, run
from faceswap.core.onnx_runtime import open_session
assert run(open_session(doubler())) == [2, 4]
print([path.name for path in Path.home().rglob("*")])
"""
# In these, onnxruntime would send nothing by its own choice.
SILENT = ("CI", "TF_BUILD", "GITHUB_ACTIONS", "ORT_DISABLE_TELEMETRY")


def doubler():
    return model([node("Add", ["in", "in"], "out", {})], [], ("in", (2,)), ["out"])


def run(session):
    (found,) = session.run(None, {"in": np.array([1, 2], np.float32)})
    return np.asarray(found).tolist()


@pytest.mark.parametrize("threads", [None, 1, 2])
def test_model_is_opened_from_a_file_or_its_content(threads, tmp_path):
    path = tmp_path / "doubler.onnx"
    path.write_bytes(doubler())
    for given in (path, doubler()):
        session = open_session(given, threads)
        assert run(session) == [2, 4]
        assert session.get_session_options().intra_op_num_threads == (threads or 0)


def test_no_report_of_the_use_is_kept_or_sent(tmp_path):
    kept = {name: value for name, value in os.environ.items() if name not in SILENT}
    kept |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    repository = str(Path(__file__).resolve().parents[2])
    kept["PYTHONPATH"] = os.pathsep.join([repository, kept.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", LEAVES_HOME_EMPTY]
    ended = subprocess.run(command, env=kept, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "[]\n"), ended.stderr
