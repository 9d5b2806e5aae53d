"""A training of the tiny model as one of several processes: a script for launchers.

With ``KILL=RANK:STEP`` in its environment, that process kills itself at that step, once; with
``KILL=RANK:STEP:machine``, it kills its launcher, too.
"""

import json
import os
import signal
import sys
from pathlib import Path
from unittest.mock import patch

from faceswap.core.errors import FaceswapError
from faceswap.core.peers import Peers, join_processes
from faceswap.models.registry import models
from faceswap.training.build import run_training
from faceswap.training.loop.step import TrainStep
from tests.training.tiny import configured, tiny


def kill_once(peers: Peers, place: str, marker: Path) -> None:
    """Lets the process of a rank kill itself at a step; not if it was killed before."""
    rank, step, *machine = place.split(":")
    take = TrainStep.__call__

    def call(self, *arguments):
        if arguments[-1] == int(step):
            marker.touch()
            if machine:
                os.kill(os.getppid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        return take(self, *arguments)

    if peers.rank == int(rank) and not marker.exists():
        patch.object(TrainStep, "__call__", call).start()


def main(root: Path, faces: Path, overrides: list[str]) -> None:
    """Trains into ``root / "run"``, and writes losses or the error into ``root``."""
    models._entries["tiny"] = tiny
    named = {name: [faces / name] for name in ("alice", "bob")}
    with join_processes() as peers:
        if place := os.environ.get("KILL"):
            kill_once(peers, place, root / "killed")
        try:
            result = run_training(configured(*overrides), named, root / "run")
        except FaceswapError as error:
            found = {"error": type(error).__name__, "message": error.message, "hint": error.hint}
        else:
            found = {"step": result.step, "losses": result.losses}
    (root / f"result-{peers.rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
