"""How much memory a training takes, and the largest batch that fits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import torch
from accelerate import Accelerator
from torch import Tensor

from classifier.data.dataset import Dataset, LoadedImages
from classifier.models import BuiltNetwork
from classifier.training.learner import Learner, make_learner
from classifier.training.networks import build, place
from classifier.training.objective import Objective
from classifier.training.session import Voice
from classifier.training.settings import Settings
from classifier.training.sources import Source, make_source
from classifier.training.training_data import Splits, open_data, stored_side
from faceswap.core.processes import open_accelerator

_SHARE = 0.8  # of the free memory; the rest is for what else happens
# What a CPU needs over what is kept for the backward pass: gradients of activations and workspaces.
# Measured: 1.45 to 1.74 times for ResNet-18, ResNet-20 and MobileNetV3, in fp32 and bf16.
_WORKSPACE = 1.75
_STEP = 8  # batch sizes above it are multiples of it


@dataclass(frozen=True)
class Fit:
    """What a training takes, in bytes.

    Attributes:
        weights: Of the network.
        gradients: Of the layers that learn.
        optimizer: Its moments.
        mean: The mean of weights, if one is kept.
        fixed: Activations and workspace that do not grow with the batch.
        per_image: Activations and workspace of one image.
        free: Memory that may be used.
        batch_size: The largest batch that fits, at most all training images; 0 if none does.
        wanted: The batch size of the settings.
        device: Where.
    """

    weights: int
    gradients: int
    optimizer: int
    mean: int
    fixed: float
    per_image: float
    free: float
    batch_size: int
    wanted: int
    device: str

    def total(self, batch_size: int) -> float:
        """Bytes that training takes with that batch size."""
        state = self.weights + self.gradients + self.optimizer + self.mean
        return state + self.fixed + batch_size * self.per_image


def find_fit(data: Path, settings: Settings, voice: Voice) -> Fit:
    """Measures steps on made-up images of the right size; no run is touched.

    Args:
        data: What would be trained on.
        settings: Of the training.
        voice: Shows that something happens.

    Raises:
        FaceswapError: Data or settings cannot be used.
    """
    with open_accelerator(settings.device, settings.precision) as accelerator:
        dataset = open_data(data, settings)
        # Published weights are as large as random ones.
        built, _ = build(settings, dataset, fresh=False)
        place(settings, built, accelerator)
        side = stored_side(built, settings, dataset)
        images = _made_up(dataset, built, side or (built.input.size, built.input.size))
        source = make_source(settings, built, Splits(images, images, []), accelerator, None)
        learner = make_learner(settings, built, source, Objective(), accelerator)
        probe = _Probe(accelerator, built, source, learner)
        with voice.bar("try batches", None, "batches") as advance:
            return _measure(probe, settings, len(dataset.splits["train"]), advance)


def _made_up(dataset: Dataset, built: BuiltNetwork, side: tuple[int, int]) -> LoadedImages:
    """Two images without content."""
    samples = dataset.samples[:2]
    masked = dataset.task == "pixels"
    labels = np.zeros((2, *side), np.uint8) if masked else np.zeros(2, np.int64)
    return LoadedImages(np.zeros((2, built.input.channels, *side), np.uint8), labels, samples)


class _Probe:
    """Takes steps with batches of any size."""

    def __init__(
        self, accelerator: Accelerator, built: BuiltNetwork, source: Source, learner: Learner
    ) -> None:
        self.module, self.learner, self.device = built.module, learner, accelerator.device
        self._inputs, self._labels = next(iter(source.epoch(0)))
        # All layers are free: gradual training ends so.
        epoch = 10**6
        learner.transfer.freeze(epoch)
        learner.transfer.train_mode(built.module, epoch)
        self._step = learner.make_step()

    def step(self, size: int) -> None:
        """One step; what the network learns is nonsense, and thrown away."""
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
        """Bytes a step takes at its height on a GPU, all told; None where they do not fit."""
        try:
            torch.cuda.reset_peak_memory_stats(self.device)
            self.step(size)
            torch.cuda.synchronize(self.device)
            return torch.cuda.max_memory_allocated(self.device)
        except torch.OutOfMemoryError:
            self.module.zero_grad()
            torch.cuda.empty_cache()
            return None


def _measure(
    probe: _Probe, settings: Settings, images: int, on_batch: Callable[..., object]
) -> Fit:
    probe.step(2)  # makes the optimizer's moments
    on_batch()
    learning = [p for p in probe.module.parameters() if p.requires_grad]
    optimizer = probe.learner.optimizer
    moments = [] if optimizer is None else optimizer.state.values()
    weights = _bytes([*probe.module.parameters(), *probe.module.buffers()])
    gradients = 0 if optimizer is None else _bytes(learning)
    momenta = _bytes([v for state in moments for v in state.values() if isinstance(v, Tensor)])
    mean = weights if settings.optimizer.ema else 0
    state = weights + gradients + momenta + mean
    if probe.device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(probe.device)
        usable = _SHARE * (free + torch.cuda.memory_reserved(probe.device))
        peaks: dict[int, int] = {}

        def fits(size: int) -> bool:
            peak = probe.peak(size)
            on_batch()
            if peak is not None:
                peaks[size] = peak + mean
            return peak is not None and peak + mean <= usable

        best = largest(fits, images)
        fixed, per_image = line({size: peak - state for size, peak in peaks.items()})
    else:
        # What a step kept is known exactly; memory that runs out would end the process instead.
        usable = state + _SHARE * psutil.virtual_memory().available
        kept = {size: _WORKSPACE * probe.activations(size) for size in (2, 6)}
        on_batch(2)
        fixed, per_image = line(kept)
        room = (usable - state - fixed) / max(per_image, 1.0)
        best = largest(lambda size: size <= room, images)
    return Fit(
        weights,
        gradients,
        momenta,
        mean,
        fixed,
        per_image,
        usable,
        best,
        min(settings.data.batch_size, images),
        str(probe.device),
    )


def _bytes(tensors: Sequence[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def largest(fits: Callable[[int], bool], limit: int) -> int:
    """Largest batch that fits: found by doubling, then by halving the gap.

    Args:
        fits: Whether a batch size does; of a smaller one than one that does, it is assumed.
        limit: Largest that makes sense.

    Returns:
        0 when not even one fits; above 8 a multiple of 8, unless it is the limit.
    """
    good, bad, size = 0, limit + 1, 1
    while good < limit < bad:
        if fits(size):
            good, size = size, min(2 * size, limit)
        else:
            bad = size
    while bad - good > max(1, _STEP * (good >= _STEP)):
        middle = (good + bad) // 2
        middle -= middle % _STEP if middle - middle % _STEP > good else 0
        if fits(middle):
            good = middle
        else:
            bad = middle
    return good


def line(points: dict[int, float]) -> tuple[float, float]:
    """The straight line through the first and the last of some points: its start and its slope."""
    if len(points) < 2:
        return 0.0, next(iter(points.values()), 0.0)
    (first, low), *_, (last, high) = sorted(points.items())
    slope = (high - low) / (last - first)
    return low - slope * first, slope


def describe_fit(fit: Fit) -> list[str]:
    """A few lines for a person, with what to do in the last."""
    activations = fit.total(fit.wanted) - fit.total(0) + fit.fixed
    parts = {
        "weights": fit.weights,
        "gradients": fit.gradients,
        "optimizer": fit.optimizer,
        "mean of weights": fit.mean,
        f"activations of {fit.wanted} images": activations,
    }
    listed = ", ".join(f"{name} {_human(size)}" for name, size in parts.items() if size)
    lines = [
        f"A step on {fit.device} takes {_human(fit.total(fit.wanted))} with batches of "
        f"{fit.wanted}: {listed}.",
        f"Each image takes {_human(fit.per_image)}; {_human(fit.free)} may be used.",
    ]
    if fit.batch_size == 0:
        return [*lines, "Not even one image fits: use a smaller network or smaller images."]
    return [
        *lines,
        f"The largest batch that fits, for one process: --set data.batch_size={fit.batch_size}",
    ]


def _human(size: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if abs(size) < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
