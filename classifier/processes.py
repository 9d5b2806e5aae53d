"""Accelerate for one training of the classifier: device, precision and processes."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import torch

# Its functions take the process group of the moment they are defined as a default, and would keep
# the group alive for ever if DistributedDataParallel imported it after the group exists.
import torch.distributed.nn.functional
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import parse_flag_from_env

from faceswap.core.device import pick_device, supports_bf16
from faceswap.core.errors import ConfigError

_AS_ACCELERATE_SAYS = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}


def choose_device(name: str) -> torch.device:
    """The device to compute on; ``auto`` heeds a launcher that wants the CPU."""
    if name == "auto" and parse_flag_from_env("ACCELERATE_USE_CPU"):
        return torch.device("cpu")
    return pick_device(name)


def choose_precision(name: str, device: torch.device) -> str:
    """``fp32``, ``bf16`` or ``fp16``; ``auto`` takes bf16 where the hardware has it.

    Raises:
        ConfigError: fp16 on a CPU, whose small numbers would vanish without a GPU's scaler.
    """
    if name == "auto":
        return "bf16" if supports_bf16(device) else "fp32"
    if name == "fp16" and device.type == "cpu":
        raise ConfigError("precision fp16 needs a GPU.", "Use --set precision=auto.")
    return name


@contextmanager
def open_accelerator(device: str, precision: str) -> Iterator[Accelerator]:
    """Opens Accelerate, and ends the processes' connection when the block ends.

    Args:
        device: ``auto`` or ``cpu``.
        precision: ``auto``, ``fp32``, ``bf16`` or ``fp16``.

    Raises:
        ConfigError: The device cannot compute in that precision.
    """
    chosen = choose_device(device)
    precision = choose_precision(precision, chosen)
    AcceleratorState._reset_state(reset_partial_state=not torch.distributed.is_initialized())
    accelerator = Accelerator(
        mixed_precision=_AS_ACCELERATE_SAYS[precision], cpu=chosen.type == "cpu"
    )
    succeeded = False
    try:
        yield accelerator
        succeeded = True
    finally:
        # After an error the others may be stuck or dead: waiting for them would hang.
        if succeeded:
            accelerator.wait_for_everyone()
        accelerator.free_memory()
        # Threads of the connection that outlive it abort Python's exit now and then; they end when
        # nobody holds the group any more, wrapped networks included.
        gc.collect()
        accelerator.end_training()
        AcceleratorState._reset_state(reset_partial_state=True)
