"""Batched inference on images in memory."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import pad

from classifier.models import BuiltNetwork
from classifier.models.formats import normalise
from classifier.models.model_file import LoadedClassifier

_MULTIPLE = 32  # of height and width, for networks that downsample by 32


def predict_images(
    loaded: LoadedClassifier,
    images: NDArray[np.uint8],
    batch_size: int = 64,
    device: str | torch.device = "cpu",
    on_batch: Callable[[int], object] = lambda _: None,
) -> Iterator[NDArray[np.float32]]:
    """Predict class probabilities, batch by batch.

    Args:
        loaded: Model; moved to ``device``.
        images: ``(N, C, H, W) uint8`` at the stored size.
        batch_size: Images per batch.
        device: Device of the computation.
        on_batch: Progress callback, called with the number of images of each batch.

    Yields:
        ``(b, classes) float32``, or ``(b, classes, H, W)`` for segmentation.
    """
    loaded.module.eval().to(device)
    for first in range(0, len(images), batch_size):
        pixels = np.array(images[first : first + batch_size])  # a copy: memory maps are read-only
        with torch.inference_mode():
            batch = torch.from_numpy(pixels).to(device)
            logits = whole_logits(loaded.module, seen(batch, loaded.built), loaded.built)
            probabilities = logits.float().softmax(1).cpu().numpy()
        yield probabilities
        on_batch(len(pixels))


def seen(images: Tensor, built: BuiltNetwork) -> Tensor:
    """Preprocess stored images for evaluation: centre crop and normalisation.

    Args:
        images: ``(B, C, H, W) uint8``.
        built: Network, for its task and input size.

    Returns:
        Normalised float32: the centre crop, or the whole image for segmentation.
    """
    size = built.input.size
    if built.task == "images" and images.shape[-2:] != (size, size):
        top, left = ((side - size) // 2 for side in images.shape[-2:])
        images = images[..., top : top + size, left : left + size]
    return normalise(images, built.input)


def whole_logits(module: nn.Module, images: Tensor, built: BuiltNetwork) -> Tensor:
    """Logits of images of any size; for segmentation, images are padded as needed.

    Args:
        module: Module of the network, or a copy (EMA).
        images: ``(B, C, H, W) float32``, normalised.
        built: Network, for its task.

    Returns:
        ``(B, classes)``, or ``(B, classes, H, W)``. For segmentation, images are padded at the
        right and bottom to a multiple of 32 by repeating the edge, and the logits are cropped.
    """
    if built.task == "images":
        return module(images)
    height, width = images.shape[-2:]
    below, right = -height % _MULTIPLE, -width % _MULTIPLE
    if below or right:
        images = pad(images, (0, right, 0, below), mode="replicate")
    return module(images)[..., :height, :width]
