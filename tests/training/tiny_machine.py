"""A training of the tiny model as one of several machines: a script for ``start_machines``."""

import json
import sys
from pathlib import Path

from faceswap.core.errors import FaceswapError
from faceswap.core.peers import join_processes
from faceswap.models.registry import models
from faceswap.training.build import run_training
from tests.training.tiny import configured, tiny


def main(root: Path, faces: Path, names: list[str], overrides: list[str]) -> None:
    """Trains into ``root / "run"``, and writes losses or the error into ``root``."""
    models._entries["tiny"] = tiny
    named = {name: [faces / name] for name in names}
    with join_processes() as peers:
        try:
            result = run_training(configured(*overrides), named, root / "run")
        except FaceswapError as error:
            found = {"error": type(error).__name__, "message": error.message, "hint": error.hint}
        else:
            found = {"step": result.step, "losses": result.losses}
    (root / f"result-{peers.rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), ["alice", "bob"], sys.argv[3:])
