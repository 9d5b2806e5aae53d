"""Memory that a training takes."""

from dataclasses import dataclass

import psutil
import torch

GIB = 1 << 30


@dataclass(frozen=True)
class MemoryUse:
    """Memory of a device, or of this process on a CPU.

    Attributes:
        now: Bytes in use.
        peak: Largest number of bytes so far.
    """

    now: int
    peak: int


class MemoryGauge:
    """Reads the memory that tensors take on a device; on a CPU, that of the whole process.

    CUDA records the peak itself; elsewhere it is the highest value that was read.

    Args:
        device: Device of the training.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._process = psutil.Process()
        self._peak = 0

    def read(self) -> MemoryUse:
        """Memory in use now, and its peak."""
        if self._device.type == "cuda":
            self._peak = torch.cuda.max_memory_allocated(self._device)
        now = self._now()
        self._peak = max(self._peak, now)
        return MemoryUse(now, self._peak)

    def _now(self) -> int:
        if self._device.type == "cuda":
            return torch.cuda.memory_allocated(self._device)
        if self._device.type == "mps":
            return torch.mps.current_allocated_memory()
        return self._process.memory_info().rss
