"""Trainings by several processes, through the launcher."""

from pathlib import Path

import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from faceswap.core.config import load_config
from faceswap.facesets.named import parse_faces
from faceswap.training.build import run_training
from faceswap.training.settings import TrainConfig
from tests.core.launched import launcher, run_to_end

_SCRIPT = Path(__file__).resolve().parents[2] / "faceswap" / "train.py"


def losses_of_processes(recipe, faces, folder, processes):
    """Losses of each identity at each step of a training by one or two processes on the CPU."""
    log = log_of_processes(recipe, faces, folder, processes)
    return {person: log[f"loss/{person}"] for person in faces}


def log_of_processes(recipe, faces, folder, processes):
    """Values in the log of a training on the CPU, by their names: by this process, or by two."""
    path, run = folder / "recipe.yaml", folder / f"run{processes}"
    path.write_text(yaml.safe_dump(recipe))
    named = [f"{person}={paths[0]}" for person, paths in faces.items()]
    if processes == 1:
        config = load_config(TrainConfig, "faceswap", str(path), ["training.device=cpu"])
        run_training(config, parse_faces(named), run)
    else:
        given = [f"--faces={each}" for each in named]
        command = [*launcher("accelerate", processes=processes), _SCRIPT, *given]
        ended = run_to_end([*command, "--config", path, "-o", run])
        assert ended.returncode == 0, ended.stderr
        assert f"{processes} process(es)" in ended.stderr
    log = EventAccumulator(str(run / "logs"))
    log.Reload()
    return {name: [e.value for e in log.Scalars(name)] for name in log.Tags()["scalars"]}
