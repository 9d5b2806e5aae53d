"""How many there are of each class, and what to do when they are not alike."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from classifier.data.dataset import IGNORE_INDEX, LoadedImages
from classifier.models.network import Task
from faceswap.core.errors import MediaError

Labels = NDArray[np.int64] | NDArray[np.uint8]


def class_counts(labels: Labels, classes: int) -> NDArray[np.int64]:
    """``(classes,) int64`` images of each class, or pixels."""
    if labels.ndim == 1:
        return np.bincount(labels, minlength=classes)
    return _pixel_counts(labels, classes).sum(0)


def count_classes(labels: Labels, classes: Sequence[str]) -> dict[str, int]:
    """Number of images (or pixels) of each class, by name."""
    return dict(zip(classes, class_counts(labels, len(classes)).tolist(), strict=True))


def require_every_class(images: LoadedImages, classes: Sequence[str], purpose: str) -> None:
    """Checks that no class is empty.

    Raises:
        MediaError: One is.
    """
    for name, count in count_classes(images.labels, classes).items():
        if count == 0:
            what = "usable image" if images.labels.ndim == 1 else "pixel"
            raise MediaError(
                f"The class {name!r} has no {what} {purpose}.", "Add images, or remove the class."
            )


def class_weights(labels: Labels, classes: int, task: Task) -> NDArray[np.float32]:
    """What each class counts in the loss, so that rare ones are not drowned.

    Images: the inverse of the class's frequency. Pixels: median frequency balancing (Eigen and
    Fergus, 2015): the median of the frequencies over the class's own, which is its fraction of the
    pixels of those images that show it.

    Args:
        labels: ``(N,) int64`` or ``(N, H, W) uint8``.
        classes: How many there are.
        task: What has a class.

    Returns:
        ``(classes,) float32``, mean 1; a class that does not occur has 1.
    """
    if task == "images":
        fractions = class_counts(labels, classes) / max(len(labels), 1)
    else:
        counts = _pixel_counts(labels, classes)
        shown = (counts > 0) * counts.sum(1, keepdims=True)
        fractions = counts.sum(0) / np.maximum(shown.sum(0), 1)
    weights = np.ones(classes)
    present = fractions > 0
    if present.any():
        inverse = np.median(fractions[present]) / fractions[present]
        weights[present] = inverse / inverse.mean()
    return weights.astype(np.float32)


def balanced_order(
    labels: NDArray[np.int64], random: np.random.Generator, length: int
) -> NDArray[np.int64]:
    """Positions in random order in which each class comes equally often.

    Of a frequent class as many images are drawn as there is room for, none twice before all were
    drawn once; a rare one begins anew when it is through.

    Args:
        labels: ``(N,)``.
        random: Decides about the order.
        length: How many to draw.
    """
    present = random.permutation(np.unique(labels))  # who gets one more when it does not work out
    order: list[NDArray[np.int64]] = []
    for place, label in enumerate(present):
        members = np.flatnonzero(labels == label)
        wanted = length // len(present) + (place < length % len(present))
        rounds = [random.permutation(members) for _ in range(-(-wanted // len(members)))]
        order.append(np.concatenate([*rounds, members[:0]])[:wanted])
    return random.permutation(np.concatenate(order))


def _pixel_counts(masks: Labels, classes: int) -> NDArray[np.int64]:
    """``(N, H, W)`` -> ``(N, classes)`` pixels of each class."""
    assert classes <= IGNORE_INDEX, "the last value is that of pixels that count for nothing"
    rows = [np.bincount(mask.reshape(-1), minlength=256)[:classes] for mask in masks]
    return np.array(rows, np.int64).reshape(len(masks), classes)
