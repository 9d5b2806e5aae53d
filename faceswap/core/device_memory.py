"""Memory that a device offers, and what a computation needs of it."""

from dataclasses import dataclass

import torch

from faceswap.core.batch_size_finder import usable_memory

GIB = 1 << 30
# A process with CUDA holds 0.2 to 0.7 GiB before its first tensor: its context, and the kernels it
# has loaded (pytorch issues 28113 and 107667). The rest is for workspaces of cuDNN and cuBLAS.
_CONTEXT = 0.75 * GIB
# Of the tensors: what the caching allocator loses between blocks of different sizes. An assumption.
_FRAGMENTS = 0.1
# On a CPU: weights and features in the formats of oneDNN, libraries, and what malloc keeps: peaks
# of two trainings, with tensors of 292 and 1411 MiB, were 160 and 247 MiB above them.
_CPU_CONSTANT, _CPU_FRACTION = 0.25 * GIB, 0.15


@dataclass(frozen=True)
class Capacity:
    """Memory for a computation, and the allowance for what is not in its tensors.

    Attributes:
        name: Name of the device, for messages.
        memory: Memory in bytes.
        constant: Allowance in bytes.
        fraction: Allowance as a fraction of the tensors.
    """

    name: str
    memory: float
    constant: float = 0.0
    fraction: float = 0.0

    def needed(self, tensors: float) -> float:
        """Memory for a computation whose tensors take ``tensors`` bytes at most at once."""
        return (1 + self.fraction) * tensors + self.constant

    def fits(self, tensors: float | None) -> bool:
        """Whether there is room for tensors; None are too many."""
        return tensors is not None and self.needed(tensors) <= self.memory


def card(gigabytes: float) -> Capacity:
    """A GPU with some memory, of which nothing else takes any.

    Args:
        gigabytes: Memory as cards are sold by it: of 2^30 bytes each.
    """
    return Capacity(f"a card of {gigabytes:g} GB", gigabytes * GIB, _CONTEXT, _FRAGMENTS)


def capacity_of(device: torch.device) -> Capacity:
    """What a device of this machine has for a training.

    On a CUDA device, peaks of the allocator are measured, so that nothing is added.
    """
    usable = usable_memory(device)
    if device.type == "cuda":
        return Capacity(str(device), usable)
    return Capacity(f"this machine ({device})", usable, _CPU_CONSTANT, _CPU_FRACTION)


def rest_of(device: torch.device) -> Capacity:
    """What a device has for a training whose memory is estimated, after one that failed."""
    if device.type != "cuda":
        return capacity_of(device)
    torch.cuda.empty_cache()
    return Capacity(str(device), usable_memory(device), fraction=_FRAGMENTS)


def in_gib(size: float) -> str:
    """A size in bytes as text, in GiB."""
    return f"{size / GIB:.1f} GiB" if size >= GIB else f"{size / GIB:.2f} GiB"
