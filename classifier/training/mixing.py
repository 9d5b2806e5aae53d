"""Mixup and CutMix, on the device."""

from dataclasses import dataclass

import torch
from torch import Tensor

from faceswap.core.seeding import generator


@dataclass(frozen=True)
class Mixture:
    """A batch after mixing.

    Attributes:
        images: ``(B, C, S, S) float32``.
        labels: Labels of the first images, ``(B,)`` or ``(B, S, S)``.
        others: Labels of the second images, of the same shape; None without a second label.
        fraction: Weight of the first labels in the loss, 0 to 1.
    """

    images: Tensor
    labels: Tensor
    others: Tensor | None = None
    fraction: float = 1.0


@dataclass(frozen=True)
class Mixing:
    """Mixes the images of a batch; a pure function of the seed and the step.

    Image i of b is mixed with image i - b/2, modulo b. Batches are in random order, so the pairs
    are random; they are the same on any number of processes if each has an even number of images.

    Attributes:
        seed: Seed of the run.
        mixup: Alpha of mixup (Zhang et al., 2018); 0 disables it.
        cutmix: Alpha of CutMix (Yun et al., 2019); 0 disables it. With both, each
            step chooses one at random.
    """

    seed: int
    mixup: float = 0.0
    cutmix: float = 0.0

    def __call__(self, images: Tensor, labels: Tensor, epoch: int, step: int) -> Mixture:
        """Mixes this process's images of a batch.

        Args:
            images: ``(B, C, S, S) float32``.
            labels: ``(B,)`` or ``(B, S, S)`` int64.
            epoch: Epoch, from 0.
            step: Step within the epoch, from 0.
        """
        if not (self.mixup or self.cutmix) or len(images) < 2:
            return Mixture(images, labels)
        random = generator(self.seed, "mix", epoch, step)
        cut = bool(self.cutmix) and (not self.mixup or random.random() < 0.5)
        alpha = self.cutmix if cut else self.mixup
        fraction = float(random.beta(alpha, alpha))
        shift = len(images) // 2
        if not cut:
            mixed = torch.lerp(images.roll(shift, 0), images, fraction)
            return Mixture(mixed, labels, labels.roll(shift, 0), fraction)
        height, width = images.shape[-2:]
        rows = _span(height, fraction, random.random())
        columns = _span(width, fraction, random.random())
        return _paste(images, labels, shift, rows, columns)


def _span(side: int, fraction: float, centre: float) -> slice:
    """Range of the hole along one side; clipped at the edges, as in the paper."""
    length = (1 - fraction) ** 0.5 * side
    first, last = (round(centre * side + sign * length / 2) for sign in (-1, 1))
    return slice(max(0, first), min(side, last))


def _paste(images: Tensor, labels: Tensor, shift: int, rows: slice, columns: slice) -> Mixture:
    mixed = images.clone()
    mixed[..., rows, columns] = images.roll(shift, 0)[..., rows, columns]
    if labels.dim() > 1:  # each pixel keeps its class
        pasted = labels.clone()
        pasted[..., rows, columns] = labels.roll(shift, 0)[..., rows, columns]
        return Mixture(mixed, pasted)
    hole = (rows.stop - rows.start) * (columns.stop - columns.start)
    fraction = 1 - hole / (images.shape[-2] * images.shape[-1])
    return Mixture(mixed, labels, labels.roll(shift, 0), fraction)
