"""What a training takes of the memory, for ``--fit`` and for errors."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from faceswap.core.device_memory import Capacity, capacity_of, card, in_gib, rest_of
from faceswap.core.errors import ConfigError
from faceswap.core.peers import join_processes
from faceswap.core.processes import choose_device, choose_precision
from faceswap.facesets.pack_folder import PackPlace
from faceswap.training.build import open_training
from faceswap.training.exhausted import explaining_exhausted_memory
from faceswap.training.fit import (
    BatchMemory,
    Change,
    Fit,
    changes_that_fit,
    find_fit,
    is_guided,
    process_count,
)
from faceswap.training.fit_measured import MeasuredTraining
from faceswap.training.fit_simulation import SimulatedTraining, simulate
from faceswap.training.inputs.opening import count_faces, open_facesets
from faceswap.training.settings import TrainConfig

_PRECISION_OF_CARDS = "bf16"


@dataclass(frozen=True)
class FitReport:
    """Memory of a training.

    Attributes:
        fit: Memory and largest batch.
        config: Settings of the training.
        precision: Precision of the training.
        device: Device that was measured; "" for an estimate.
        changes: Settings with which it fits, if the batch does not.
    """

    fit: Fit
    config: TrainConfig
    precision: str
    device: str
    changes: Sequence[Change]


def find_batch(
    config: TrainConfig,
    faces: Mapping[str, Sequence[PackPlace]],
    output: Path,
    memory: float | None = None,
    on_try: Callable[[], object] = lambda: None,
) -> FitReport:
    """Finds the largest batch of a training; only the cache of faces may be written.

    On a CUDA device real steps are measured, else they are simulated from the settings. Guided
    models read the values of their guides, so that real steps are counted. Several processes
    simulate in any case, for the smallest memory of them, and the first one alone.

    Args:
        config: Settings of the training.
        faces: Facesets or packs of each identity.
        output: Folder of the run.
        memory: Memory in GB of a GPU that need not be in this machine; None for the device.
        on_try: Called after each step that is tried.

    Raises:
        FaceswapError: Settings, facesets or the run cannot be used.
    """
    processes = process_count()
    with join_processes() as peers:
        with peers.together():
            facesets = open_facesets(faces, config.data.minimum, config.data.mask)
            device = _own_device(config, processes)
            measured = memory is None and device.type == "cuda" and processes == 1
            capacity = card(memory) if memory is not None else _capacity(device, processes)
            precision = target_precision(config, device, card=memory is not None)
            names = list(facesets)
            guided = is_guided(config, names)
            if guided and processes > 1:
                raise ConfigError(
                    "--fit takes real steps of a guided model, and only in one process.",
                    "Run it without a launcher, with --set training.batch= the faces of one "
                    "process.",
                )
        # Each would decide from its own memory, and wait for the others with another batch.
        capacity = min(peers.gather(capacity), key=lambda each: each.memory)
        unit = processes * config.training.micro_batches
        limit = max(config.training.batch, min(map(count_faces, facesets.values())))
        if guided or measured:
            return _measured(config, faces, output, precision, capacity, limit, on_try)
        find = partial(find_fit, unit=unit, capacity=capacity, limit=limit, on_try=on_try)
        return peers.first(partial(_simulated, config, names, precision, processes, find))


def _own_device(config: TrainConfig, processes: int) -> torch.device:
    device = choose_device(config.training.device)
    if device.type == "cuda" and processes > 1:
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return device


def _capacity(device: torch.device, processes: int) -> Capacity:
    """What a device has for one process of a training."""
    if processes == 1:
        return capacity_of(device)
    capacity = rest_of(device)
    if device.type == "cuda":
        return capacity
    sharing = int(os.environ.get("LOCAL_WORLD_SIZE") or processes)  # the memory of a machine
    return replace(capacity, memory=capacity.memory / sharing)


def _measured(
    config: TrainConfig,
    faces: Mapping[str, Sequence[PackPlace]],
    output: Path,
    precision: str,
    capacity: Capacity,
    limit: int,
    on_try: Callable[[], object],
) -> FitReport:
    reached = "in a step of the smallest batch"
    opening = open_training(config, faces, output, writes=False)
    explaining = explaining_exhausted_memory(config, list(faces), lambda: reached)
    with explaining, opening as (opened, trainer):
        measured = MeasuredTraining(opened, trainer, capacity)
        batch, unit = config.training.batch, config.training.micro_batches
        fit = find_fit(measured, batch, unit, capacity, limit, on_try)
        return FitReport(fit, config, precision, str(opened.device), [])


def _simulated(
    config: TrainConfig,
    names: Sequence[str],
    precision: str,
    processes: int,
    find: Callable[[SimulatedTraining, int], Fit],
) -> FitReport:
    with simulate(config, names, precision, processes) as training:
        fit = find(training, config.training.batch)
    changes, capacity = [], fit.capacity
    if not capacity.fits(fit.asked.peak):
        changes = changes_that_fit(config, names, precision, capacity, processes, fit)
    return FitReport(fit, config, precision, "", changes)


def target_precision(config: TrainConfig, device: torch.device, *, card: bool) -> str:
    """Precision of a training: on the device, or on a card, which is taken to compute in bf16."""
    if config.training.precision == "auto" and card:
        return _PRECISION_OF_CARDS
    return (
        config.training.precision if card else choose_precision(config.training.precision, device)
    )


def table_of(report: FitReport) -> list[list[str]]:
    """Header and rows of the memory with the batch of the settings and with the largest one."""
    fit = report.fit
    columns = [fit.asked]
    if fit.largest is not None and fit.largest.batch != fit.asked.batch:
        columns.append(fit.largest)
    state = {
        "weights": fit.state.weights,
        "gradients": fit.state.gradients,
        "state of the optimizer": fit.state.optimizer,
        "moving average": fit.state.ema,
        "discriminators and networks of losses": fit.state.networks,
    }
    rows = [[name, *[in_gib(size)] * len(columns)] for name, size in state.items() if size]
    rows += [
        ["activations and temporary tensors", *(_size(_beyond(fit, each)) for each in columns)],
        ["peak of a step", *(_size(each.step) for each in columns)],
        ["peak of an evaluation", *(_size(each.evaluation) for each in columns)],
        ["with allowance", *(_needed(fit.capacity, each) for each in columns)],
    ]
    return [["", *(f"batch {each.batch}" for each in columns)], *rows]


def _beyond(fit: Fit, memory: BatchMemory) -> int | None:
    return None if memory.step is None else max(0, memory.step - fit.state.total)


def _size(size: float | None) -> str:
    return "does not fit" if size is None else in_gib(size)


def _needed(capacity: Capacity, memory: BatchMemory) -> str:
    return _size(None if memory.peak is None else capacity.needed(memory.peak))


def advice_of(report: FitReport) -> list[str]:
    """Sentences on what fits, and what to set."""
    fit, capacity = report.fit, report.fit.capacity
    how = f"measured on {report.device}" if report.device else "estimated"
    lines = [
        f"{in_gib(capacity.memory)} of {capacity.name}; a step in {report.precision}, {how}. "
        f"Each further face of every identity takes {in_gib(fit.per_face)}."
    ]
    asked = fit.asked.batch
    if capacity.fits(fit.asked.peak):
        lines.append(f"Batch {asked} fits.")
    else:
        lines.append(f"Batch {asked} does not fit.")
    if fit.largest is None:
        lines.append("Not even the smallest batch fits.")
    elif fit.largest.batch != asked:
        lines.append(f"Largest batch: --set training.batch={fit.largest.batch}")
    others = [change for change in report.changes if "training.batch" not in change.settings]
    lines += [f"Or: {change}" for change in (others if fit.largest else report.changes)]
    return lines
