"""Devices, processes and precision through Accelerate, opened and closed cleanly."""

import gc
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import fmean
from typing import TypeVar

import torch

# Before any process group exists: its functions take the group of the moment they are defined as a
# default argument, and would never release it (see ``_close``). DistributedDataParallel imports it.
import torch.distributed.nn.functional
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import (
    DistributedDataParallelKwargs,
    broadcast_object_list,
    gather_object,
    parse_flag_from_env,
)
from torch import Tensor

from faceswap.core.device import pick_device, supports_bf16
from faceswap.core.errors import ConfigError
from faceswap.core.interruption import SIGNALS, StopRequest
from faceswap.core.locks import hold_folder
from faceswap.core.log import get_logger
from faceswap.core.memory import keep_freed_memory
from faceswap.core.peers import Peers

_log = get_logger(__name__)
T = TypeVar("T")
_AS_ACCELERATE_SAYS = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}


def choose_device(name: str) -> torch.device:
    """Device to train on; ``auto`` respects ``ACCELERATE_USE_CPU`` of a launcher.

    Raises:
        ConfigError: This machine has no such device.
    """
    if name == "auto" and parse_flag_from_env("ACCELERATE_USE_CPU"):
        return torch.device("cpu")
    return pick_device(name)


def choose_precision(name: str, device: torch.device) -> str:
    """Precision to train in: ``fp32``, ``bf16`` or ``fp16``; ``auto`` is bf16 where it is faster.

    Raises:
        ConfigError: The device cannot compute in that precision.
    """
    if name == "auto":
        return "bf16" if supports_bf16(device) else "fp32"
    if name == "fp16" and device.type == "cpu":
        raise ConfigError(
            "fp16 needs a GPU; this training runs on the CPU.",
            "Choose the precision auto: bf16 where it is faster, else fp32.",
        )
    if name == "bf16" and not supports_bf16(device):
        _log.warning("%s computes faster in fp32 than in bf16.", device)
    return name


@contextmanager
def open_accelerator(
    device: str, precision: str, *, share_buffers: bool = True
) -> Iterator[Accelerator]:
    """Opens Accelerate for one training; destroys its process group afterwards.

    Args:
        device: Name of the device, see ``choose_device``.
        precision: Name of the precision, see ``choose_precision``.
        share_buffers: Whether each step starts from the buffers of the first process: for those
            that training changes, such as batch-norm statistics.

    Raises:
        ConfigError: The device or the precision is not available.
    """
    place = choose_device(device)
    chosen = choose_precision(precision, place)
    if place.type == "cpu":
        _take_threads()
        keep_freed_memory()
    parallel = DistributedDataParallelKwargs(
        gradient_as_bucket_view=True, broadcast_buffers=share_buffers
    )
    # Accelerate does not know the successor of this argument yet.
    warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
    AcceleratorState._reset_state(reset_partial_state=not torch.distributed.is_initialized())
    opened = Accelerator(
        mixed_precision=_AS_ACCELERATE_SAYS[chosen],
        cpu=place.type == "cpu",
        kwargs_handlers=[parallel],
    )
    failed = True
    try:
        yield opened
        failed = False
    finally:
        _close(opened, wait=not failed)


def leave_unused(opened: Accelerator) -> None:
    """Lets each step leave some parameters without a gradient; for models not prepared yet."""
    assert opened.ddp_handler is not None
    opened.ddp_handler.find_unused_parameters = True


@contextmanager
def hold_run(opened: Accelerator, folder: Path, purpose: str) -> Iterator[None]:
    """Holds the lock of a folder for all processes of a training; see ``hold_folder``.

    The first process takes the lock; where it cannot, all processes end.

    Raises:
        OutputBusyError: Another program writes this folder.
        OSError: The first process cannot write there.
        TrainingError: Either, in the other processes.
    """
    peers = Peers.of(opened)
    with ExitStack() as stack:
        with peers.together():
            if peers.is_first:
                stack.enter_context(hold_folder(folder, purpose))
        yield


def _take_threads() -> None:
    """Uses this process's fraction of the cores where the launcher set one thread.

    ``accelerate launch`` and ``torchrun`` set one thread per process by default, which suits GPUs;
    on a CPU the other cores would idle. Any other number was chosen by the user.
    """
    launched = "ACCELERATE_MIXED_PRECISION" in os.environ or "LOCAL_WORLD_SIZE" in os.environ
    if launched and os.environ.get("OMP_NUM_THREADS") == "1":
        torch.set_num_threads(local_threads())


def _close(opened: Accelerator, wait: bool) -> None:
    """Destroys the process group and ends its threads.

    A gloo thread that is still cleaning up when Python exits asks for the interpreter lock, is
    ended by Python, and aborts the process ("terminate called without an active exception").
    ``destroy_process_group`` alone is not enough: the threads end only when no reference to the
    group is left. DistributedDataParallel holds one, and so do the default arguments of
    ``torch.distributed.nn.functional`` if it is imported after the group was created.
    """
    # After an error the other processes may hang or be dead: waiting for them would hang too.
    if wait:
        opened.wait_for_everyone()
    opened.free_memory()
    gc.collect()
    opened.end_training()
    # Its state is global; the next training in this process may need another precision.
    AcceleratorState._reset_state(reset_partial_state=True)


def agree_to_stop(
    opened: Accelerator, stop: StopRequest, mean: Tensor, total: Sequence[float] = ()
) -> tuple[int, Tensor, list[float]]:
    """Shares the stop signal of any process with all, and other numbers in the same exchange.

    Args:
        opened: Accelerator of the training.
        stop: Signals of this process.
        mean: Values to average over the processes, ``(N,)`` float tensor.
        total: Numbers to be summed over the processes.

    Returns:
        Number of the signal or 0, the averages on the CPU, and the sums.
    """
    received = [float(stop.signal == number) for number in SIGNALS]
    sums = torch.tensor([*received, *total], dtype=torch.float64)
    values = torch.cat([mean.detach().cpu().double(), sums])
    if opened.num_processes > 1:
        moved = values.to(opened.device) if opened.device.type == "cuda" else values
        torch.distributed.all_reduce(moved)
        values = moved.cpu()
        values[: len(mean)] /= opened.num_processes
    counts = values[len(mean) :].tolist()
    signals = [int(n) for n, count in zip(SIGNALS, counts, strict=False) if count]
    return signals[0] if signals else 0, values[: len(mean)].float(), counts[len(SIGNALS) :]


def from_first(opened: Accelerator, value: T) -> T:
    """A value of the first process, in all processes; the others wait for it.

    Args:
        opened: Accelerator of the training.
        value: The value of this process.
    """
    if opened.num_processes == 1:
        return value
    return broadcast_object_list([value])[0]


def mean_of_all(opened: Accelerator, values: Mapping[str, float]) -> dict[str, float]:
    """Means of named numbers over all processes, which wait for each other.

    Args:
        opened: Accelerator of the training.
        values: Numbers of this process; one that it lacks counts as 0.
    """
    if opened.num_processes == 1:
        return dict(values)
    everyone = gather_object([values])
    names = dict.fromkeys(name for each in everyone for name in each)
    return {name: fmean(each.get(name, 0.0) for each in everyone) for name in names}


def process_count() -> int:
    """Number of processes that a launcher has started."""
    return int(os.environ.get("WORLD_SIZE") or "1")


def local_threads() -> int:
    """Number of CPU cores this process may use."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, (available or 1) // max(1, int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))
