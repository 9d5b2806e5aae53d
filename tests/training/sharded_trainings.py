"""Trainings one after the other in the processes of one launch: ``... FOLDER`` of ``plan.json``."""

import json
import logging
import sys
from functools import partial
from pathlib import Path

from faceswap.core.config import load_config
from faceswap.training.build import run_training
from faceswap.training.loop import shard_model
from faceswap.training.settings import TrainConfig


def main(folder: Path) -> None:
    """Takes each training of the plan, and the first process writes its losses."""
    logging.basicConfig(level=logging.INFO)
    plan = json.loads((folder / "plan.json").read_text())
    # The blocks of a small model, too, are units of their own.
    shard_model.units = partial(shard_model.units, large=plan["large"])
    faces = {name: [Path(path)] for name, path in plan["faces"].items()}
    for run, settings in plan["runs"].items():
        config = load_config(TrainConfig, "faceswap", None, settings)
        result = run_training(config, faces, folder / run)
        (folder / f"{run}.json").write_text(json.dumps(result.losses))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
