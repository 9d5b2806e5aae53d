"""Loss of a training: cross entropy of images or pixels, with class weights."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from classifier.data.dataset import IGNORE_INDEX
from classifier.training.mixing import Mixture

_NONE = -100


@dataclass(frozen=True)
class Objective:
    """Cross entropy with class weights and label smoothing.

    Attributes:
        weights: ``(K,) float32`` class weights, or None for equal weights.
        mean_weight: Mean class weight of the training labels, 0 for ignored ones. The sum over a
            batch is divided by this times its size instead of by the batch's own weights, so that
            the loss does not depend on the number of processes.
        smoothing: Label smoothing, 0 to 1 (Szegedy et al., 2016).
    """

    weights: Tensor | None = None
    mean_weight: float = 1.0
    smoothing: float = 0.0

    def __call__(self, logits: Tensor, mixture: Mixture) -> Tensor:
        """Loss of a batch, a scalar; logits are ``(B, K)`` or ``(B, K, S, S)``."""
        loss = self._of(logits, mixture.labels)
        if mixture.others is None:
            return loss
        return mixture.fraction * loss + (1 - mixture.fraction) * self._of(logits, mixture.others)

    def _of(self, logits: Tensor, labels: Tensor) -> Tensor:
        total = cross_entropy(
            logits.float(),
            labels,
            weight=None if self.weights is None else self.weights.to(logits.device),
            # Labels of whole images are never ignored, and 255 may be a class.
            ignore_index=IGNORE_INDEX if labels.dim() > 1 else _NONE,
            reduction="sum",
            label_smoothing=self.smoothing,
        )
        return total / (labels.numel() * self.mean_weight)


def make_objective(
    labels: NDArray[np.int64] | NDArray[np.uint8],
    classes: int,
    weights: NDArray[np.float32] | None,
    smoothing: float,
) -> Objective:
    """The loss for given training labels.

    Args:
        labels: ``(N,)`` or ``(N, H, W)``, with ``IGNORE_INDEX`` for unlabelled pixels.
        classes: Number of classes.
        weights: ``(classes,)`` class weights, or None.
        smoothing: Label smoothing, 0 to 1.
    """
    # Masks are counted one by one: they may be mapped from a file larger than memory.
    arrays = [labels] if labels.ndim == 1 else labels
    counts = np.zeros(classes, np.int64)
    for array in arrays:
        counts += np.bincount(array.ravel(), minlength=classes)[:classes]
    if weights is None:
        # Ignored pixels must not lower the mean loss of the others.
        return Objective(None, float(counts.sum() / labels.size), smoothing)
    mean = float((counts * weights).sum() / labels.size)
    return Objective(torch.from_numpy(weights), mean, smoothing)
