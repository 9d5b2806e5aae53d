"""Faces that are worked on together."""

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class BatchSize(NamedTuple):
    """How much is worked on at once.

    Attributes:
        frames: Number of frames.
        pixels: Number of pixels of faces.
    """

    frames: int
    pixels: int


def batch_size(device: str) -> BatchSize:
    """Batch size for a type of device: what fits into the caches of a CPU, or occupies a GPU."""
    return BatchSize(8, 4 * 256**2) if device == "cpu" else BatchSize(32, 32 * 512**2)


def in_groups(
    items: Sequence[T],
    key: Callable[[T], tuple[int, Hashable]],
    work: Callable[[Sequence[T]], Sequence[R]],
    pixels: int,
) -> list[R]:
    """Results of all items in their order; those of one key are worked on together.

    Args:
        items: The items.
        key: Side of the image of an item in pixels, and what else items have in common.
        work: Work on items of one key.
        pixels: Number of pixels of the items that are worked on at once; at least one item is.
    """
    groups: dict[tuple[int, Hashable], list[int]] = {}
    for place, item in enumerate(items):
        groups.setdefault(key(item), []).append(place)
    results: dict[int, R] = {}
    for (side, _), places in groups.items():
        most = max(1, pixels // side**2)
        for start in range(0, len(places), most):
            some = places[start : start + most]
            results |= zip(some, work([items[place] for place in some]), strict=True)
    return [results[place] for place in range(len(items))]
