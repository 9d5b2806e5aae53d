"""Runs a network over images that are in memory, a batch at a time."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import pad

from classifier.models import BuiltNetwork
from classifier.models.formats import normalise
from classifier.models.model_file import LoadedClassifier

_MULTIPLE = 32  # of the sides, for networks that halve them up to five times


def predict_images(
    loaded: LoadedClassifier,
    images: NDArray[np.uint8],
    batch_size: int = 64,
    device: str | torch.device = "cpu",
    on_batch: Callable[[int], object] = lambda _: None,
) -> Iterator[NDArray[np.float32]]:
    """Probabilities of the classes, batch by batch.

    Args:
        loaded: The network; it is moved to the device.
        images: ``(N, C, H, W)``, as large as the network sees them or a little larger.
        batch_size: Images at a time.
        device: Where to compute.
        on_batch: Called with the number of images after each batch.

    Yields:
        ``(b, classes)``, or ``(b, classes, H, W)`` where pixels have classes.
    """
    loaded.module.eval().to(device)
    for first in range(0, len(images), batch_size):
        pixels = np.array(images[first : first + batch_size])  # the file may be read-only
        with torch.inference_mode():
            batch = torch.from_numpy(pixels).to(device)
            logits = whole_logits(loaded.module, seen(batch, loaded.built), loaded.built)
            probabilities = logits.float().softmax(1).cpu().numpy()
        yield probabilities
        on_batch(len(pixels))


def seen(images: Tensor, built: BuiltNetwork) -> Tensor:
    """What a network sees of stored images when it is evaluated.

    Args:
        images: ``(B, C, H, W) uint8``.
        built: Whether images or pixels have classes, and the side of its input.

    Returns:
        Float32 as the network takes it: the middle square, or the whole image for pixels.
    """
    size = built.input.size
    if built.task == "images" and images.shape[-2:] != (size, size):
        top, left = ((side - size) // 2 for side in images.shape[-2:])
        images = images[..., top : top + size, left : left + size]
    return normalise(images, built.input)


def whole_logits(module: nn.Module, images: Tensor, built: BuiltNetwork) -> Tensor:
    """The logits of images whose sides a network for pixels may not take as they are.

    Args:
        module: The network, or a copy of it.
        images: ``(B, C, H, W)``, normalised.
        built: What the network is for.

    Returns:
        ``(B, classes)``, or ``(B, classes, H, W)``: images are continued at their right and lower
        edges up to a multiple of 32, and the result is cut back.
    """
    if built.task == "images":
        return module(images)
    height, width = images.shape[-2:]
    below, right = -height % _MULTIPLE, -width % _MULTIPLE
    if below or right:
        images = pad(images, (0, right, 0, below), mode="replicate")
    return module(images)[..., :height, :width]
