"""Batch size finder: memory of a training step, and the largest batch that fits."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from classifier.data.dataset import Dataset, LoadedImages
from classifier.models import BuiltNetwork
from classifier.training.learner import Learner
from classifier.training.sources import Source
from faceswap.core.batch_size_finder import (
    StateMemory,
    bytes_of,
    cuda_peak,
    largest,
    line,
    optimizer_bytes,
    usable_memory,
)

# Memory of a CPU step over what is kept for the backward pass: gradients of activations and
# workspaces. 1.45 to 1.74 for ResNet-18, ResNet-20 and MobileNetV3, in fp32 and bf16.
_WORKSPACE = 1.75
_LAST_EPOCH = 10**6  # all layers are trainable then, in every mode of transfer


@dataclass(frozen=True)
class BatchSizeReport:
    """Memory of a training step, in bytes, and the largest batch.

    Attributes:
        state: Memory that does not depend on the batch.
        fixed: Activations and workspaces of an empty batch.
        per_image: Activations and workspaces of one image.
        free: Usable memory.
        batch_size: Largest batch that fits, at most all training images; 0 if none does.
        wanted: Batch size of the settings.
        device: Device of the training.
    """

    state: StateMemory
    fixed: float
    per_image: float
    free: float
    batch_size: int
    wanted: int
    device: str

    def total(self, batch_size: int) -> float:
        """Memory of a step with a batch size, in bytes."""
        return self.state.total + self.fixed + batch_size * self.per_image


class Probe:
    """Takes training steps with batches of any size.

    Args:
        accelerator: Accelerator of the training.
        built: The network, on its device.
        source: Batches of at least one image.
        learner: Optimizer and training step.
    """

    def __init__(
        self, accelerator: Accelerator, built: BuiltNetwork, source: Source, learner: Learner
    ) -> None:
        self.module, self.learner, self.device = built.module, learner, accelerator.device
        self._inputs, self._labels = next(iter(source.epoch(0)))
        learner.transfer.freeze(_LAST_EPOCH)
        learner.transfer.train_mode(built.module, _LAST_EPOCH)
        self._step = learner.make_step()

    @staticmethod
    def images(dataset: Dataset, built: BuiltNetwork, side: tuple[int, int]) -> LoadedImages:
        """Two blank images of the size that training would use."""
        samples = dataset.samples[:2]
        masked = dataset.task == "pixels"
        labels = np.zeros((2, *side), np.uint8) if masked else np.zeros(2, np.int64)
        pixels = np.zeros((2, built.input.channels, *side), np.uint8)
        return LoadedImages(pixels, labels, samples)

    def step(self, size: int) -> None:
        """Takes a step with ``size`` images; the weights are of no use afterwards."""
        repeats = -(-size // len(self._inputs))
        inputs = torch.cat([self._inputs] * repeats)[:size]
        labels = torch.cat([self._labels] * repeats)[:size]
        self._step(inputs, labels, 0, 0, 1e-12)

    def activations(self, size: int) -> int:
        """Bytes that a step keeps for the backward pass."""
        weights = {p.untyped_storage().data_ptr() for p in self.module.parameters()}
        kept: dict[int, int] = {}

        def pack(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in weights:
                kept[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            self.step(size)
        return sum(kept.values())

    def peak(self, size: int) -> int | None:
        """Peak memory of a step on a GPU in bytes; None if it does not fit."""
        peak = cuda_peak(lambda: self.step(size), self.device)
        if peak is None:
            self.module.zero_grad()
        return peak

    def state_memory(self, *, ema: bool) -> StateMemory:
        """Memory that does not depend on the batch; ``ema`` adds a moving average."""
        optimizer = self.learner.optimizer
        trained = [p for p in self.module.parameters() if p.requires_grad]
        weights = bytes_of([*self.module.parameters(), *self.module.buffers()])
        return StateMemory(
            weights,
            0 if optimizer is None else bytes_of(trained),
            0 if optimizer is None else optimizer_bytes(optimizer),
            weights if ema else 0,
        )


def find_largest_batch(
    probe: Probe,
    images: int,
    wanted: int,
    *,
    ema: bool,
    on_batch: Callable[..., object] = lambda *_: None,
) -> BatchSizeReport:
    """Finds the largest batch that fits into memory.

    Args:
        probe: Takes the steps.
        images: Number of training images, which limits the batch.
        wanted: Batch size of the settings.
        ema: Whether a moving average of the weights is kept.
        on_batch: Called after each step.
    """
    probe.step(2)  # creates the state of the optimizer
    on_batch()
    state = probe.state_memory(ema=ema)
    measure = _measure_gpu if probe.device.type == "cuda" else _measure_cpu
    usable, best, fixed, per_image = measure(probe, state, images, on_batch)
    return BatchSizeReport(
        state, fixed, per_image, usable, best, min(wanted, images), str(probe.device)
    )


_Measured = tuple[float, int, float, float]  # usable bytes, batch, bytes fixed and per image


def _measure_gpu(
    probe: Probe, state: StateMemory, images: int, on_batch: Callable[..., object]
) -> _Measured:
    usable = usable_memory(probe.device)
    peaks: dict[int, float] = {}

    def fits(size: int) -> bool:
        peak = probe.peak(size)
        on_batch()
        if peak is not None:
            peaks[size] = peak + state.ema
        return peak is not None and peak + state.ema <= usable

    best = largest(fits, images)
    return usable, best, *line({size: peak - state.total for size, peak in peaks.items()})


def _measure_cpu(
    probe: Probe, state: StateMemory, images: int, on_batch: Callable[..., object]
) -> _Measured:
    # The memory kept by a step is known exactly; running out of it would kill the process.
    usable = state.total + usable_memory(probe.device)
    fixed, per_image = line({size: _WORKSPACE * probe.activations(size) for size in (2, 6)})
    on_batch(2)
    room = (usable - state.total - fixed) / max(per_image, 1.0)
    return usable, largest(lambda size: size <= room, images), fixed, per_image
