from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest.mock import create_autospec

import pytest
import torch
from accelerate import Accelerator

from faceswap.core.errors import ConfigError
from faceswap.core.interruption import SIGNALS, StopRequest
from faceswap.core.processes import (
    agree_to_stop,
    choose_device,
    choose_precision,
    hold_run,
    mean_of_all,
    open_accelerator,
)
from tests.core.launched import launcher, run_to_end

CPU = torch.device("cpu")


def test_the_launchers_wish_for_the_cpu_is_heeded(monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_CPU", "1")
    assert choose_device("auto") == CPU
    assert choose_device("cpu") == CPU


def test_unsupported_precisions_are_rejected(monkeypatch):
    assert choose_precision("fp32", CPU) == "fp32"
    with pytest.raises(ConfigError, match="fp16 needs a GPU"):
        choose_precision("fp16", CPU)
    for has_bf16, expected in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr("faceswap.core.processes.supports_bf16", lambda device: has_bf16)  # noqa: B023
        assert choose_precision("auto", CPU) == expected
        assert choose_precision("bf16", CPU) == "bf16"


def test_trainings_of_different_precision_follow_each_other():
    for precision, kept in (("bf16", "bf16"), ("fp32", "no"), ("bf16", "bf16")):
        with open_accelerator("cpu", precision) as opened:
            assert opened.mixed_precision == kept
            assert opened.device.type == "cpu"
            assert opened.num_processes == 1


@pytest.mark.parametrize(
    ("launcher", "said", "expected"),
    [
        ("ACCELERATE_MIXED_PRECISION", "1", [6]),
        ("ACCELERATE_MIXED_PRECISION", "3", []),
        ("", "1", []),
    ],
)
def test_the_one_thread_of_a_launcher_is_not_taken_for_a_wish(
    monkeypatch, launcher, said, expected
):
    taken: list[int] = []
    for name in ("ACCELERATE_MIXED_PRECISION", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    if launcher:
        monkeypatch.setenv(launcher, "no")
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    monkeypatch.setattr("faceswap.core.processes.local_threads", lambda: 6)
    monkeypatch.setattr(torch, "set_num_threads", taken.append)
    with open_accelerator("cpu", "fp32"):
        pass
    assert taken == expected


@pytest.mark.parametrize("problem", [RuntimeError, NotImplementedError, OSError])
def test_all_processes_learn_that_the_first_cannot_hold_the_folder(tmp_path, monkeypatch, problem):
    shared = []

    def refuse(folder, purpose):
        raise problem("no locks here")

    monkeypatch.setattr("faceswap.core.processes.hold_folder", refuse)
    monkeypatch.setattr(
        torch.distributed, "all_gather_object", lambda found, value: shared.append(value[1])
    )
    opened = create_autospec(Accelerator, process_index=0, num_processes=2, local_process_index=0)
    with pytest.raises(problem, match="no locks"), hold_run(opened, tmp_path, "the training"):
        pass
    assert shared == [(f"{problem.__name__}: no locks here", "Its own message says more.")]


@pytest.mark.parametrize("number", [0, *SIGNALS])
def test_a_single_process_agrees_with_itself(number):
    with open_accelerator("cpu", "fp32") as opened:
        stop = StopRequest(number)
        received, mean, total = agree_to_stop(opened, stop, torch.tensor([1.0, 2.0]), [3.0])
    assert received == number
    assert mean.tolist() == [1.0, 2.0]
    assert total == [3.0]


_TWO = """
import signal, sys
from pathlib import Path
import torch
from faceswap.core.interruption import StopRequest
from faceswap.core.processes import agree_to_stop, open_accelerator

with open_accelerator("cpu", "fp32") as opened:
    rank = opened.process_index
    model = opened.prepare(torch.nn.Linear(8, 8))
    model(torch.randn(2, 8)).sum().backward()
    # Only the second process has received a signal.
    stop = StopRequest(signal.SIGTERM * rank)
    number, mean, total = agree_to_stop(opened, stop, torch.tensor([float(rank)]), [rank + 1.0])
    shared = f"world {opened.num_processes} signal {number} mean {mean.tolist()} total {total}"
    del model
names = [task.read_text().strip() for task in Path("/proc/self/task").glob("*/comm")]
left = sorted(name for name in names if "gloo" in name)
# A file each: what two processes print gets mixed up.
Path(sys.argv[1], str(rank)).write_text(f"{shared} threads left {left}")
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs Linux's list of threads")
def test_two_processes_agree_and_leave_no_thread_behind(tmp_path):
    script = tmp_path / "two.py"
    script.write_text(_TWO)
    ended = run_to_end([*launcher(), script, tmp_path])
    assert ended.returncode == 0, ended.stderr
    # A thread of gloo that outlives the interpreter aborts the process now and then.
    for rank in ("0", "1"):
        shared = (tmp_path / rank).read_text()
        assert shared == "world 2 signal 15 mean [0.5] total [3.0] threads left []"


def test_means_of_all_processes_count_what_one_lacks_as_0(monkeypatch):
    one, two = {"loss": 1.0, "swap": 0.5}, {"loss": 2.0, "discriminator": 4.0}
    alone = cast(Accelerator, SimpleNamespace(num_processes=1))
    assert mean_of_all(alone, one) == one
    monkeypatch.setattr("faceswap.core.processes.gather_object", lambda found: [*found, two])
    both = cast(Accelerator, SimpleNamespace(num_processes=2))
    assert mean_of_all(both, one) == {"loss": 1.5, "swap": 0.25, "discriminator": 2.0}


def test_training_on_a_cpu_reuses_freed_memory(monkeypatch):
    called = []
    monkeypatch.setattr("faceswap.core.processes.keep_freed_memory", lambda: called.append(True))
    with open_accelerator("cpu", "fp32"):
        assert called == [True]
