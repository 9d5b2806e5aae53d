"""The configurations of Accelerate launch what their names say."""

import json
from pathlib import Path

import pytest
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser

from tests.core.launched import environment, launcher, run_to_end

FOLDER = Path(__file__).resolve().parents[2] / "configs" / "accelerate"
SCRIPT = Path(__file__).with_name("tiny_machine.py")
CONFIGS = {"cpu": (1, 2), "one-gpu": (1, 1), "many-gpus": (1, 8), "many-machines": (2, 16)}


@pytest.fixture(autouse=True)
def _many_gpus(monkeypatch):
    # Accelerate compares the numbers with the GPUs of this machine.
    monkeypatch.setattr("torch.cuda.device_count", lambda: 8)


def test_each_configuration_is_listed():
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(CONFIGS)


@pytest.mark.parametrize(("name", "expected"), CONFIGS.items())
def test_accelerate_reads_the_configuration(name, expected):
    path = FOLDER / f"{name}.yaml"
    read = load_config_from_file(str(path))
    assert (read.num_machines, getattr(read, "num_processes", None)) == expected
    given = launch_command_parser().parse_args(["--config_file", str(path), "train.py", "-o", "x"])
    args, _, _ = _validate_launch_command(given)
    assert (args.num_machines, args.num_processes) == expected
    assert bool(args.multi_gpu) == (expected[1] > 1)
    assert args.training_script == "train.py"


@pytest.mark.slow
def test_the_configuration_of_cpus_trains_with_two_processes(faces, tmp_path):
    begun = launcher("accelerate", "--config_file", FOLDER / "cpu.yaml", processes=None)
    plain = {name: value for name, value in environment().items() if name != "ACCELERATE_USE_CPU"}
    ended = run_to_end([*begun, SCRIPT, tmp_path, tmp_path / "faces", "training.steps=2"], plain)
    assert ended.returncode == 0, ended.stderr
    for rank in (0, 1):
        assert json.loads((tmp_path / f"result-{rank}.json").read_text())["step"] == 2
