"""Loads the model of a run from one of its checkpoints."""

from dataclasses import replace
from pathlib import Path

import torch

from faceswap.core.checkpoint import (
    BEST,
    LATEST,
    Checkpoint,
    checkpoint_steps,
    load_checkpoint,
    pointed_step,
)
from faceswap.core.errors import ModelFileError
from faceswap.core.files import sha256_file
from faceswap.core.training_state import AVERAGED, MODEL, evaluated_group
from faceswap.models.model_file import (
    LoadedModel,
    build_with_weights,
    load_model,
    parse_meta,
    read_model_metadata,
)

_CHECKPOINTS = "checkpoints"


def load_run_model(
    path: Path, device: torch.device | str = "cpu", checkpoint: str | None = None
) -> LoadedModel:
    """Loads the model of a run at one of its checkpoints.

    Args:
        path: Run of ``faceswap train``; or, without ``checkpoint``, an exported model folder.
        device: Device of the model.
        checkpoint: ``best``, ``latest``, or a number of steps. None for the best checkpoint when
            the run has one, else the latest one; an exported model folder is loaded as it is.

    Raises:
        ModelFileError: The model or the checkpoint is missing, or does not fit the run.
        CheckpointError: The checkpoint and all earlier ones are damaged.
        ConfigError: The architecture is not registered.
    """
    root = path / _CHECKPOINTS
    if not checkpoint_steps(root):
        if checkpoint is None:
            return load_model(path, device)
        raise ModelFileError(
            f"Expected checkpoints to choose {checkpoint!r} from in {path}, found none.",
            "Give the output folder of `faceswap train`, or omit --checkpoint.",
        )
    name, step = _choose(root, checkpoint)
    folder, metadata = read_model_metadata(path)
    meta = parse_meta(metadata)
    if meta.step == step:  # exported together with this checkpoint
        return replace(load_model(folder, device), checkpoint=name)
    loaded = _read_checkpoint(root, step, exact=name not in (BEST, LATEST))
    group = evaluated_group(loaded)  # the same weights as in the exported model
    weights = loaded.path / f"{group}.safetensors"
    model = build_with_weights(meta, loaded.tensors[group], weights).to(device)
    if loaded.step != step:  # the chosen checkpoint is damaged and an earlier one was loaded
        name = _step_name(loaded.step)
    return LoadedModel(
        model, replace(meta, step=loaded.step), sha256_file(weights), loaded.path, name
    )


def _choose(root: Path, checkpoint: str | None) -> tuple[str, int]:
    """Name of a checkpoint for the user, and its step."""
    steps = checkpoint_steps(root)
    best = pointed_step(root, BEST)
    if checkpoint is None:
        checkpoint = LATEST if best is None else BEST
    if checkpoint == LATEST:
        return LATEST, steps[-1]
    if checkpoint == BEST and best is not None:
        return BEST, best
    if checkpoint.isdecimal() and int(checkpoint) in steps:
        return _step_name(int(checkpoint)), int(checkpoint)
    found = [*map(str, steps), LATEST, *([BEST] if best is not None else [])]
    raise ModelFileError(
        f"The run {root.parent} has no checkpoint {checkpoint!r}.",
        f"Use one of {', '.join(found)}.",
    )


def _step_name(step: int) -> str:
    return f"step {step}"


def _read_checkpoint(root: Path, step: int, *, exact: bool) -> Checkpoint:
    loaded = load_checkpoint(root, f"step-{step:08d}", groups=[MODEL, AVERAGED])
    assert loaded is not None  # there are checkpoints
    if not loaded.tensors:
        raise ModelFileError(
            f"The checkpoint {loaded.path} has no weights.", "Choose another one with --checkpoint."
        )
    if exact and loaded.step != step:
        raise ModelFileError(
            f"The checkpoint of step {step} in {root} is damaged.",
            f"Choose another one, for example --checkpoint {loaded.step}.",
        )
    return loaded
