"""Trainings one after the other in the processes of one launch: ``... FOLDER`` of ``plan.json``."""

import json
import logging
import os
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
    # Each training needs a store of its own for the keys of its process group.
    os.environ["TORCHELASTIC_USE_AGENT_STORE"] = "False"
    for run, settings in plan["runs"].items():
        os.environ["MASTER_PORT"] = str(int(os.environ["MASTER_PORT"]) + 1)
        config = load_config(TrainConfig, "faceswap", None, settings)
        result = run_training(config, faces, folder / run)
        (folder / f"{run}.json").write_text(json.dumps(result.losses))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
