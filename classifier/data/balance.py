"""Class counts, loss weights and balanced sampling."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from classifier.data.dataset import IGNORE_INDEX, LoadedImages
from classifier.models.network import Task
from faceswap.core.errors import MediaError

Labels = NDArray[np.int64] | NDArray[np.uint8]


def class_counts(labels: Labels, classes: int) -> NDArray[np.int64]:
    """``(classes,) int64`` number of images or pixels of each class."""
    if labels.ndim == 1:
        return np.bincount(labels, minlength=classes)
    return _pixel_counts(labels, classes).sum(0)


def count_classes(labels: Labels, classes: Sequence[str]) -> dict[str, int]:
    """Number of images (or pixels) of each class, by name."""
    return dict(zip(classes, class_counts(labels, len(classes)).tolist(), strict=True))


def require_every_class(images: LoadedImages, classes: Sequence[str], purpose: str) -> None:
    """Check that every class has images.

    Raises:
        MediaError: A class has no images.
    """
    for name, count in count_classes(images.labels, classes).items():
        if count == 0:
            what = "usable image" if images.labels.ndim == 1 else "pixel"
            raise MediaError(
                f"The class {name!r} has no {what} {purpose}.", "Add images, or remove the class."
            )


def class_weights(labels: Labels, classes: int, task: Task) -> NDArray[np.float32]:
    """Weights of the classes in the loss, larger for rare classes.

    Images: inverse class frequency. Pixels: median frequency balancing (Eigen and Fergus, 2015),
    where the frequency of a class is its fraction of the pixels of the images that contain it.

    Args:
        labels: ``(N,) int64`` or ``(N, H, W) uint8``.
        classes: Number of classes.
        task: "images" (one class per image) or "pixels" (one class per pixel).

    Returns:
        ``(classes,) float32`` with mean 1; absent classes have weight 1.
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
    """Sample positions in random order with each class equally often.

    Each class is sampled without replacement; a class with fewer images than needed is
    reshuffled and repeated.

    Args:
        labels: ``(N,) int64``.
        random: Random generator.
        length: Number of positions.
    """
    present = random.permutation(np.unique(labels))  # the first classes get the remainder
    order: list[NDArray[np.int64]] = []
    for place, label in enumerate(present):
        members = np.flatnonzero(labels == label)
        wanted = length // len(present) + (place < length % len(present))
        rounds = [random.permutation(members) for _ in range(-(-wanted // len(members)))]
        order.append(np.concatenate([*rounds, members[:0]])[:wanted])
    return random.permutation(np.concatenate(order))


def _pixel_counts(masks: Labels, classes: int) -> NDArray[np.int64]:
    """``(N, H, W)`` -> ``(N, classes)`` pixels of each class."""
    assert classes <= IGNORE_INDEX, "255 is reserved for unlabelled pixels"
    rows = [np.bincount(mask.reshape(-1), minlength=256)[:classes] for mask in masks]
    return np.array(rows, np.int64).reshape(len(masks), classes)
