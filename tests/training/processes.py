"""Trainings by several processes, through the launcher."""

import os
import subprocess
import sys
from pathlib import Path

import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

_REPO = Path(__file__).resolve().parents[2]
_LAUNCHER = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes=2"]


def losses_of_processes(recipe, faces, folder, processes):
    """Losses of each identity at each step of a training by one or two processes on the CPU."""
    log = log_of_processes(recipe, faces, folder, processes)
    return {person: log[f"loss/{person}"] for person in faces}


def log_of_processes(recipe, faces, folder, processes):
    """Values in the log of a training by one or two processes on the CPU, by their names."""
    path, run = folder / "recipe.yaml", folder / f"run{processes}"
    path.write_text(yaml.safe_dump(recipe))
    named = [f"--faces={person}={paths[0]}" for person, paths in faces.items()]
    launcher = _LAUNCHER if processes == 2 else []
    command = [sys.executable, *launcher, str(_REPO / "faceswap" / "train.py"), *named]
    command += ["--config", str(path), "-o", str(run)]
    set_ = {"PYTHONPATH": str(_REPO), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1"}
    ended = subprocess.run(
        command, env=os.environ | set_, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    assert f"{processes} process(es)" in ended.stderr
    log = EventAccumulator(str(run / "logs"))
    log.Reload()
    return {name: [e.value for e in log.Scalars(name)] for name in log.Tags()["scalars"]}
