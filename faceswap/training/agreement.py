"""What the processes of a training have to agree on, on one machine or several.

Only the first process reads and writes the run; the others need facesets and a folder for their
cache. What they cannot be sent is compared.
"""

import platform
from collections.abc import Mapping, Sequence
from typing import Any

import accelerate
import torch

import faceswap
from faceswap.core.checkpoint import checkpoint_steps
from faceswap.core.errors import TrainingError
from faceswap.core.peers import Peers
from faceswap.core.run_manifest import Data, flatten_settings
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.named import leave_targets_out
from faceswap.facesets.pack import Pack
from faceswap.facesets.pack_folder import PackPlace
from faceswap.training.inputs.opening import FaceSets
from faceswap.training.run.run_directory import RunDirectory
from faceswap.training.settings import TrainConfig

_SAME_COMMAND = "Start the same version of the program with the same options on all machines."
# Paths, made absolute on each machine, which only the first process reads.
_READ_BY_FIRST = ("model.start_from", "output.preview_faces")
_SAME_FACES = "Copy the facesets of the first machine to all others, and start again."


def resolve_for_all(
    peers: Peers,
    run: RunDirectory,
    recipe: str | None,
    default: str,
    overrides: Sequence[str],
    given: Mapping[str, Sequence[PackPlace]],
) -> tuple[TrainConfig, dict[str, list[PackPlace]]]:
    """Settings and facesets of a new run, or of the run that the first process can resume.

    Args:
        peers: Processes of the training.
        run: The run.
        recipe: Name or path of a recipe; None for the settings of the run, or the default.
        default: Recipe of a new run.
        overrides: Changes of settings, ``name=value`` each.
        given: Facesets by identity, on this machine.

    Returns:
        The settings, and the facesets of each identity on this machine.

    Raises:
        FaceswapError: The run, the settings or the facesets cannot be used by some process.
    """
    stored = peers.first(
        lambda: (run.read_config(), run.stored_facesets()) if run.exists() else None
    )
    with peers.together():
        if stored is None:
            config = run.new_config(recipe or default, overrides)
            return config, leave_targets_out(given)
        settings, faces = stored
        config = run.new_config(recipe or settings.model_dump(mode="json"), overrides)
        return config, leave_targets_out(run.find_facesets(given, faces))


def compare_starts(
    peers: Peers,
    settings: Mapping[str, Any],
    facesets: Mapping[str, FaceSets],
    run: RunDirectory,
    purpose: str,
) -> None:
    """Checks that all processes can train together, before anything is written.

    Args:
        peers: Processes of the training.
        settings: Settings of the training by name, nested.
        facesets: Facesets of each identity.
        run: The run.
        purpose: Purpose of opening the run, a noun phrase.

    Raises:
        TrainingError: Versions, settings or facesets differ, or the first process lacks a
            checkpoint that another one has.
    """
    python = ".".join(platform.python_version_tuple()[:2])
    versions = {"purpose": purpose, "faceswap": faceswap.__version__, "python": python}
    versions |= {"torch": torch.__version__, "accelerate": accelerate.__version__}
    flat = flatten_settings(settings)
    compared = {name: v for name, v in flat.items() if not name.startswith(_READ_BY_FIRST)}
    peers.require_same(versions | compared, _SAME_COMMAND)
    faces = {
        f"faces of {name}": ", ".join(_described(faceset) for faceset in sets)
        for name, sets in facesets.items()
    }
    peers.require_same(faces, _SAME_FACES)
    _require_newest(peers, run)


def compare_contents(peers: Peers, data: Data) -> None:
    """Checks that the pixels of the faces are the same for all processes.

    Raises:
        TrainingError: They are not.
    """
    contents = {
        f"crops and masks of {source['name']} of {name}": f"content {source['content'][:12]}"
        for name, sources in data.items()
        for source in sources
    }
    peers.require_same(contents, _SAME_FACES)


def _described(faceset: Faceset | Pack) -> str:
    if isinstance(faceset, Pack):
        return f"{faceset.name} with {faceset.faces} faces, content {faceset.sha256[:12]}"
    content = faceset.content_hash()[:12]
    return f"{faceset.name} with {len(faceset.trainable())} faces, content {content}"


def _require_newest(peers: Peers, run: RunDirectory) -> None:
    """Refuses to train from an older checkpoint than that of another machine."""
    steps = checkpoint_steps(run.checkpoints)
    found = peers.gather((steps[-1] if steps else -1, platform.node(), str(run.path.absolute())))
    (first, machine, _), (newest, other, place) = found[0], max(found)
    if newest > first:
        has = f"the checkpoint of step {first}" if first >= 0 else "no checkpoint"
        raise TrainingError(
            f"{other} has a checkpoint of step {newest} in {place}; the first process, on "
            f"{machine}, has {has}, and only the first one reads and writes the run.",
            f"Make {other} the first machine (rank 0), or copy its run there. If it is of another "
            "training, choose another folder for --output.",
        )
