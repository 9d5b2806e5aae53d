"""State of a training: what its checkpoints hold, how it resumes, and how it rolls back."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

import torch
from torch import Tensor, nn

from faceswap.core.checkpoint import (
    BEST,
    Checkpoint,
    checkpoint_steps,
    load_checkpoint,
    pointed_step,
    save_checkpoint,
    settle_checkpoints,
)
from faceswap.core.documents import check_schema, restore_type
from faceswap.core.ema import EMA
from faceswap.core.errors import CheckpointError, TrainingError
from faceswap.core.log import get_logger
from faceswap.core.optimizer_state import flatten_optimizer, restore_optimizer
from faceswap.core.peers import ALONE, Peers
from faceswap.core.shards import all_finite, cut_like, gather
from faceswap.core.shared_checkpoint import read_shared

_log = get_logger(__name__)

MODEL, AVERAGED = "model", "ema"
"""Groups of tensors in a checkpoint: the weights, and their exponential moving average."""

CHOICE = "evaluated weights"
"""Name in ``TrainingState.extras`` of what decides between these two."""

_RESTORE = "Restore the run from a backup, or choose another folder for --output."
_ROLLBACKS = 3  # in a row, before training stops
# In the groups of an optimizer; Prodigy counts there, and estimates its learning rate.
_NO_HYPERPARAMETERS = {"params", "step", "d", "d_max", "d_hat", "d_numerator", "d_de_nom"}


@dataclass
class Progress:
    """Progress of a training, apart from its tensors.

    Attributes:
        step: Number of finished optimizer steps, over all starts of the run.
        seconds: Elapsed training time, over all starts.
        rollbacks: Number of rollbacks after a non-finite loss. Part of the random stream, so that
            the same batches are not met again.
        best: Best metric so far, compared from the left; None before the first evaluation.
        since_best: Number of evaluations since the best one.
        best_step: Step of the best evaluation, whose checkpoint is kept; None before the first.
    """

    step: int = 0
    seconds: float = 0.0
    rollbacks: int = 0
    best: tuple[float, ...] | None = None
    since_best: int = 0
    best_step: int | None = None

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Restores what ``asdict`` gave, after a trip through JSON.

        Raises:
            CheckpointError: A value is missing or of the wrong type.
        """
        where = "The progress of a checkpoint"
        check_schema(values, dict[str, Any], where, CheckpointError, _RESTORE)
        missing = [each.name for each in fields(cls) if each.name not in values]
        if missing:
            raise CheckpointError(f"{where} is incomplete: no {', '.join(missing)}.", _RESTORE)
        return restore_type(values, cls, where, CheckpointError, _RESTORE)

    def evaluated(self, *metric: float) -> bool:
        """Records an evaluation.

        Args:
            metric: Values that decide which evaluation is best, higher is better, compared from
                the left. One that is not finite is never the best.

        Returns:
            Whether it is the best so far.
        """
        if all(map(math.isfinite, metric)) and (self.best is None or metric > self.best):
            self.best, self.since_best, self.best_step = metric, 0, self.step
            return True
        self.since_best += 1
        return False

    def forget_best(self) -> None:
        """Forgets earlier evaluations, which are not comparable with those to come."""
        self.best, self.since_best, self.best_step = None, 0, None

    def is_stale(self, patience: int) -> bool:
        """Whether ``patience`` evaluations have passed without a better one; 0 disables it."""
        return 0 < patience <= self.since_best


class Stateful(Protocol):
    """An object whose state belongs into checkpoints."""

    def state_dict(self) -> dict[str, Any]:
        """The state as JSON values."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what ``state_dict`` gave; an empty mapping if a checkpoint has no such state."""
        ...


P = TypeVar("P", bound=Progress)


@dataclass(frozen=True)
class TrainingState(Generic[P]):
    """A model, its optimizer and the folder of their checkpoints.

    A save is one thing: the checkpoint, written first and complete or not at all, holds all that
    the rest of the save follows from (``complete_save``).

    Attributes:
        folder: Folder of the checkpoints.
        model: The model, not wrapped by Accelerate.
        optimizer: Optimizer of its parameters, not wrapped; None for a rule without one.
        scaler: Gradient scaler of fp16 training, or None.
        ema: Moving average of the weights, or None.
        keep: Number of newest checkpoints to keep, besides the best.
        advice: Remedy in the error raised after repeated divergence.
        extras: Further objects whose state is saved, by name.
        peers: Processes of the training, of which only the first reads and writes the folder.
    """

    folder: Path
    model: nn.Module
    optimizer: torch.optim.Optimizer | None
    scaler: "torch.amp.GradScaler | None"
    ema: EMA | None
    keep: int
    advice: str
    extras: Mapping[str, Stateful] = field(default_factory=dict, kw_only=True)
    peers: Peers = field(default=ALONE, kw_only=True)

    def is_finite(self) -> bool:
        """Whether all weights and buffers are finite; called by all processes."""
        return all_finite(self.model.state_dict().values())

    def save(self, progress: P) -> None:
        """Writes a checkpoint, and what follows from it.

        Where tensors are divided over the processes, all of them call it.

        Raises:
            StorageFullError: The disk is full; earlier checkpoints are intact.
        """
        groups, state = self.contents(progress)
        if self.peers.is_first:
            save_checkpoint(self.folder, progress.step, groups, state)
            self.complete_save(progress)

    def contents(self, progress: P) -> tuple[dict[str, Mapping[str, Tensor]], dict[str, Any]]:
        """Groups of tensors and JSON values of a checkpoint.

        Tensors are whole; only the first process has them.
        """
        groups: dict[str, Mapping[str, Tensor]] = {MODEL: self._gather(self.model.state_dict())}
        values: dict[str, Any] | None = None
        if self.optimizer is not None:
            tensors, values = flatten_optimizer(self.optimizer)
            groups["optimizer"] = self._gather(tensors)
        if self.ema is not None:
            groups[AVERAGED] = self._gather(self.ema.module.state_dict())
        state = {
            "progress": asdict(progress),
            "optimizer": values,
            "optimizer_kind": _kind(self.optimizer),
            "scaler": None if self.scaler is None else self.scaler.state_dict(),
            "extras": {name: each.state_dict() for name, each in self.extras.items()},
        }
        return groups, state

    def _gather(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return gather(tensors, keep=self.peers.is_first)

    def complete_save(self, progress: P) -> None:
        """Brings everything that follows from the newest checkpoint up to date.

        Nothing changes after a save that was not interrupted, so every start of a run calls it
        after restoring that checkpoint.

        Args:
            progress: Progress at the newest checkpoint; model and moving average are of it, too.

        Raises:
            StorageFullError: The disk is full; the checkpoint is intact.
        """
        settle_checkpoints(self.folder, progress.step, progress.best_step, self.keep)

    def load(self, kind: type[P]) -> P | None:
        """Restores the newest usable checkpoint.

        Args:
            kind: Class of the progress.

        Returns:
            The progress at that checkpoint, or None if there is no checkpoint.

        Raises:
            CheckpointError: No checkpoint can be used, or it is of another model or optimizer.
        """
        found = read_shared(self.peers, lambda: load_checkpoint(self.folder))
        return None if found is None else self.peers.from_first(self.restore(found, kind))

    def restore(self, found: Checkpoint, kind: type[P]) -> P:
        """Restores a checkpoint; see ``load``."""
        load_into(self.model, found, MODEL)
        if self.ema is not None:  # a moving average that is new starts at the weights
            load_into(self.ema.module, found, AVERAGED if AVERAGED in found.tensors else MODEL)
        try:
            if found.state["optimizer_kind"] != _kind(self.optimizer):
                _log.warning("The optimizer changed: its state starts anew.")
            elif self.optimizer is not None:
                settings = [_hyperparameters(group) for group in self.optimizer.param_groups]
                tensors, values = found.tensors["optimizer"], found.state["optimizer"]
                restore_optimizer(self.optimizer, tensors, values)
                # The checkpoint's hyperparameters would undo a change of the settings.
                for group, values in zip(self.optimizer.param_groups, settings, strict=True):
                    group.update(values)
            if self.scaler is not None and found.state["scaler"]:
                self.scaler.load_state_dict(found.state["scaler"])
            for name, each in self.extras.items():
                each.load_state_dict(found.state.get("extras", {}).get(name, {}))
            return self._progress(found, kind)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(
                f"The checkpoint {found.path} is incomplete or of another training: {error}.",
                _RESTORE,
            ) from error

    def _progress(self, found: Checkpoint, kind: type[P]) -> P:
        values = dict(found.state["progress"])
        # Checkpoints of older versions leave the best step to the file `best`.
        before = found.step if found.state.get("best") else pointed_step(self.folder, BEST)
        progress = kind.from_json({"best_step": before, **values})
        gone = progress.best_step not in (None, *checkpoint_steps(self.folder))
        if gone and self.peers.is_first:
            _log.warning(
                "The best checkpoint, of step %d, is missing from %s: the best is chosen anew.",
                progress.best_step,
                self.folder,
            )
            progress.forget_best()
        return progress

    def roll_back(self, diverged: P) -> P:
        """Restores the newest checkpoint after a non-finite loss or weight.

        Args:
            diverged: Progress at which training diverged.

        Returns:
            Progress to continue from, with another random stream.

        Raises:
            TrainingError: Training diverged several times without reaching the next checkpoint.
        """
        saved = self.load(type(diverged))
        rollbacks = diverged.rollbacks + 1
        attempts = rollbacks - (0 if saved is None else saved.rollbacks)
        if saved is None or attempts > _ROLLBACKS:
            raise TrainingError(
                f"The loss became non-finite {attempts} times around step {diverged.step}.",
                f"{self.advice} The run then resumes from its last checkpoint.",
            )
        return replace(
            saved,
            rollbacks=rollbacks,
            seconds=diverged.seconds,
            best=diverged.best,
            since_best=diverged.since_best,
            best_step=diverged.best_step,
        )


def _kind(optimizer: torch.optim.Optimizer | None) -> str:
    """Kind of an optimizer's state: moments exist only with some settings."""
    if optimizer is None:
        return "none"
    momentum = any(group.get("momentum") for group in optimizer.param_groups)
    return type(optimizer).__name__ + (" with momentum" if momentum else "")


def _hyperparameters(group: Mapping[str, Any]) -> dict[str, Any]:
    """Hyperparameters of a group, without what some optimizers keep beside them."""
    return {name: value for name, value in group.items() if name not in _NO_HYPERPARAMETERS}


def evaluated_group(found: Checkpoint) -> str:
    """Group of the weights that were evaluated and exported with a checkpoint.

    The moving average where there is one, unless the checkpoint records that it was worse.
    """
    choice = found.state.get("extras", {}).get(CHOICE, {})
    return AVERAGED if AVERAGED in found.tensors and choice.get("averaged", True) else MODEL


def load_into(module: nn.Module, found: Checkpoint, group: str) -> None:
    """Loads one group of a checkpoint's tensors into a module.

    Raises:
        CheckpointError: The checkpoint is of another model.
    """
    try:
        saved, own = found.tensors[group], module.state_dict()
        module.load_state_dict({n: cut_like(t, own.get(n, t)) for n, t in saved.items()})
    except (RuntimeError, KeyError) as error:
        raise CheckpointError(
            f"The checkpoint {found.path} does not fit the model that the settings describe.",
            "Restore the run's config.yaml, or choose another folder for --output.",
        ) from error
