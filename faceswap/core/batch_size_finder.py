"""Batch size finder: the largest batch that fits into the memory of a device."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil
import torch
from torch import Tensor

_USABLE = {"cuda": 0.9}  # fraction of the free memory
_USABLE_ELSEWHERE = 0.8  # other programs use it as well


@dataclass(frozen=True)
class StateMemory:
    """Memory that does not depend on the batch, in bytes.

    Attributes:
        weights: Weights and buffers.
        gradients: Gradients of the trained weights.
        optimizer: State of the optimizer.
        ema: Moving average of the weights, if there is one.
        networks: Other networks, with their gradients and the state of their optimizers.
    """

    weights: int
    gradients: int
    optimizer: int
    ema: int
    networks: int = 0

    @property
    def total(self) -> int:
        """Sum of all."""
        return self.weights + self.gradients + self.optimizer + self.ema + self.networks


def bytes_of(tensors: Sequence[Tensor]) -> int:
    """Size of tensors that share no memory."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def part_bytes(tensor: Tensor, parts: int) -> int:
    """Size of the largest part of a tensor whose first dimension is divided over processes."""
    if not tensor.numel() or not tensor.ndim:
        return tensor.nbytes
    return -(-len(tensor) // parts) * (tensor.nbytes // len(tensor))


def optimizer_bytes(optimizer: torch.optim.Optimizer, parts: int = 1) -> int:
    """Size of the state of an optimizer.

    Args:
        optimizer: The optimizer.
        parts: Number of processes that its tensors are divided over.
    """
    states = [value for state in optimizer.state.values() for value in state.values()]
    return sum(part_bytes(value, parts) for value in states if isinstance(value, Tensor))


def usable_memory(device: torch.device) -> float:
    """Memory of a device that a training can count on, in bytes.

    On a CUDA device, memory that this process holds already is included.
    """
    if device.type != "cuda":
        return _USABLE_ELSEWHERE * psutil.virtual_memory().available
    free, _ = torch.cuda.mem_get_info(device)
    return _USABLE["cuda"] * (free + torch.cuda.memory_reserved(device))


def cuda_peak(step: Callable[[], object], device: torch.device) -> int | None:
    """Peak memory of a step on a CUDA device in bytes; None if it does not fit.

    Gradients of a step that did not fit are still there.
    """
    try:
        torch.cuda.reset_peak_memory_stats(device)
        step()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device)
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        return None


def largest(fits: Callable[[int], bool], limit: int, multiple: int = 8) -> int:
    """Largest batch that fits, by doubling and bisection.

    Args:
        fits: Whether a batch size fits; assumed to be monotonic.
        limit: Upper limit.
        multiple: Divisor of larger sizes; finer ones are not worth a try.

    Returns:
        0 if not even one image fits; above ``multiple`` a multiple of it, unless it is the limit.
    """
    good, bad, size = 0, limit + 1, 1
    while good < limit < bad:
        if fits(size):
            good, size = size, min(2 * size, limit)
        else:
            bad = size
    while bad - good > max(1, multiple * (good >= multiple)):
        middle = (good + bad) // 2
        middle -= middle % multiple if middle - middle % multiple > good else 0
        if fits(middle):
            good = middle
        else:
            bad = middle
    return good


def line(points: dict[int, float]) -> tuple[float, float]:
    """Intercept and slope of the line through the first and the last of some points."""
    if len(points) < 2:
        return 0.0, next(iter(points.values()), 0.0)
    (first, low), *_, (last, high) = sorted(points.items())
    slope = (high - low) / (last - first)
    return low - slope * first, slope
