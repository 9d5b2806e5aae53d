"""Trainings by one and by two processes, which are compared."""

import json
import time
from pathlib import Path

import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from faceswap.core.config import load_config
from faceswap.facesets.named import parse_faces
from faceswap.training.build import run_training
from faceswap.training.settings import TrainConfig
from tests.core.launched import finish, free_port, start_machines

_SCRIPT = Path(__file__).with_name("training_server.py")
_PATIENCE_S = 300
_SETTINGS = ["training.device=cpu"]


class Processes:
    """This process, and two others that are started when they are needed and train many times.

    Args:
        folder: Folder of the jobs.
    """

    def __init__(self, folder):
        self._folder, self._jobs, self._started = folder, 0, []

    def losses(self, recipe, faces, folder, processes):
        """Losses of each identity at each step of a training by one or two processes on the CPU."""
        log = self.log(recipe, faces, folder, processes)
        return {person: log[f"loss/{person}"] for person in faces}

    def log(self, recipe, faces, folder, processes):
        """Values in the log of a training by one or two processes on the CPU, by their names."""
        path, run = folder / "recipe.yaml", folder / f"run{processes}"
        path.write_text(yaml.safe_dump(recipe))
        named = [f"{person}={paths[0]}" for person, paths in faces.items()]
        if processes == 1:
            config = load_config(TrainConfig, "faceswap", str(path), _SETTINGS)
            run_training(config, parse_faces(named), run)
        else:
            self._train({"recipe": str(path), "faces": named, "run": str(run)})
        log = EventAccumulator(str(run / "logs"))
        log.Reload()
        return {name: [e.value for e in log.Scalars(name)] for name in log.Tags()["scalars"]}

    def _train(self, job):
        """Lets both other processes train."""
        if not self._started:
            self._started = start_machines(*[[_SCRIPT, self._folder]] * 2)
        number, self._jobs = self._jobs, self._jobs + 1
        written = self._folder / "job"
        written.write_text(json.dumps(job | {"settings": _SETTINGS, "port": free_port()}))
        written.rename(self._folder / f"job-{number}.json")
        done = [self._folder / f"done-{number}-{rank}-of-2" for rank in (0, 1)]
        deadline = time.monotonic() + _PATIENCE_S
        while not all(path.is_file() for path in done):
            ended = any(each.process.poll() is not None for each in self._started)
            if ended or time.monotonic() > deadline:
                started, self._started = self._started, []
                raise AssertionError(finish(*started, timeout=5))
            time.sleep(0.02)

    def end(self):
        """Ends the other processes."""
        for each in self._started:
            each.end()
