"""One of several processes that take part in one training after the other, as a folder says."""

import json
import logging
import os
import sys
import time
from itertools import count
from pathlib import Path

from faceswap.core.config import load_config
from faceswap.core.peers import join_processes
from faceswap.facesets.named import parse_faces
from faceswap.training.build import run_training
from faceswap.training.settings import TrainConfig


def main(folder: Path) -> None:
    """Takes the jobs of a folder in their order until its parent ends."""
    logging.basicConfig(level=logging.INFO)
    parent = os.getppid()
    for number in count():
        place = folder / f"job-{number}.json"
        while not place.is_file():
            if os.getppid() != parent:
                return
            time.sleep(0.02)
        job = json.loads(place.read_text())
        os.environ["MASTER_PORT"] = str(job["port"])
        config = load_config(TrainConfig, "faceswap", job["recipe"], job["settings"])
        with join_processes() as peers:
            run_training(config, parse_faces(job["faces"]), Path(job["run"]))
        (folder / f"done-{number}-{peers.rank}-of-{peers.count}").touch()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
