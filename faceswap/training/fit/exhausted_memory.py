"""Exhausted memory in a training, as an error that says which settings fit."""

import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from faceswap.core.device_memory import Capacity, in_gib, rest_of
from faceswap.core.errors import FaceswapError, MemoryExhaustedError
from faceswap.core.memory import describe_exhausted, is_exhausted
from faceswap.core.processes import choose_device, choose_precision, process_count
from faceswap.training.fit.changes import changes_that_fit
from faceswap.training.fit.largest_batch import find_fit
from faceswap.training.fit.simulated_training import is_guided, simulate
from faceswap.training.settings import TrainConfig

_GENERAL = (
    "Lower --set training.batch, or raise --set training.micro_batches (same results, slower), or "
    "use --set training.checkpointing=true (same results, slower)."
)
_LEAST = 0.9  # of what the settings take: they cannot be used, whatever the estimate says


@contextmanager
def explaining_exhausted_memory(
    config: TrainConfig, identities: Sequence[str], where: Callable[[], str]
) -> Iterator[None]:
    """Turns exhausted memory in its block into an error that says which settings fit.

    Args:
        config: Settings of the training.
        identities: Names of the identities.
        where: Function that says where in the training the memory was exhausted.

    Raises:
        MemoryExhaustedError: The memory is exhausted.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_exhausted(error):
            raise
        # Their variables hold the tensors of the step.
        traceback.clear_frames(error.__traceback__)
        details = describe_exhausted(error)
        message = f"The memory is exhausted {where()}{': ' if details else ''}{details}."
        raise MemoryExhaustedError(
            message,
            f"{_advice(config, identities)}\nThe last checkpoint is intact: run the same command "
            "with one of these settings to resume.",
        ) from None


def _advice(config: TrainConfig, identities: Sequence[str]) -> str:
    if is_guided(config, identities):  # it cannot be simulated
        return _GENERAL
    device = choose_device(config.training.device)
    try:
        return _tried_advice(config, identities, device)
    except FaceswapError:  # such as weights of a loss that are gone: the first error counts
        return _GENERAL


def _tried_advice(config: TrainConfig, identities: Sequence[str], device: torch.device) -> str:
    precision = choose_precision(config.training.precision, device)
    batch, processes = config.training.batch, process_count()
    capacity = rest_of(device)
    with simulate(config, identities, precision, processes) as training:
        peaks = [training.peak(batch, phase) for phase in range(training.phases)]
        needed = capacity.needed(max(*peaks, training.evaluation_peak()))
        available = min(capacity.memory, _LEAST * needed)
        limit = Capacity(capacity.name, available, capacity.constant, capacity.fraction)
        unit = processes * config.training.micro_batches
        fit = find_fit(training, batch, unit, limit, batch)
    changes = changes_that_fit(config, identities, precision, limit, processes, fit)
    found = (
        f"Batch {batch} takes about {in_gib(needed)}, {in_gib(available)} are available on {device}"
    )
    if not changes:
        return f"{found}. Use a smaller model."
    return f"{found}: {', or '.join(map(str, changes))}."
