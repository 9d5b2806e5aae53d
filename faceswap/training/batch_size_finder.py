"""Batch size finder of a training, ``--fit``: its memory, and the largest batch that fits."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from faceswap.core.device_memory import Capacity, capacity_of, card, rest_of
from faceswap.core.errors import ConfigError
from faceswap.core.peers import join_processes
from faceswap.core.processes import choose_device, choose_precision, process_count
from faceswap.facesets.pack_folder import PackPlace
from faceswap.training.build import open_training
from faceswap.training.fit.changes import changes_that_fit
from faceswap.training.fit.exhausted_memory import explaining_exhausted_memory
from faceswap.training.fit.largest_batch import Fit, Measured, find_fit
from faceswap.training.fit.measured_training import MeasuredTraining
from faceswap.training.fit.report import FitReport
from faceswap.training.fit.simulated_training import is_guided, simulate
from faceswap.training.inputs.opening import count_faces, open_facesets
from faceswap.training.settings import TrainConfig

_PRECISION_OF_CARDS = "bf16"


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
            precision = _precision(config, device, card=memory is not None)
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
        find = partial(find_fit, unit=unit, capacity=capacity, limit=limit, on_try=on_try)
        if guided or measured:
            return _measured(config, faces, output, precision, capacity, find)
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
    find: Callable[[Measured, int], Fit],
) -> FitReport:
    reached = "in a step of the smallest batch"
    opening = open_training(config, faces, output, writes=False)
    explaining = explaining_exhausted_memory(config, list(faces), lambda: reached)
    with explaining, opening as (opened, trainer):
        fit = find(MeasuredTraining(opened, trainer, capacity), config.training.batch)
        return FitReport(fit, precision, str(opened.device), [])


def _simulated(
    config: TrainConfig,
    names: Sequence[str],
    precision: str,
    processes: int,
    find: Callable[[Measured, int], Fit],
) -> FitReport:
    with simulate(config, names, precision, processes) as training:
        fit = find(training, config.training.batch)
    changes, capacity = [], fit.capacity
    if not capacity.fits(fit.asked.peak):
        changes = changes_that_fit(config, names, precision, capacity, processes, fit)
    return FitReport(fit, precision, "", changes)


def _precision(config: TrainConfig, device: torch.device, *, card: bool) -> str:
    """Precision of a training: on the device, or on a card, which is taken to compute in bf16."""
    chosen = config.training.precision
    if not card:
        return choose_precision(chosen, device)
    return _PRECISION_OF_CARDS if chosen == "auto" else chosen
