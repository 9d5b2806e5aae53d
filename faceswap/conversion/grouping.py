"""Faces that are worked on together."""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_PIXELS = 8 * 512**2  # of the faces that are worked on at once: their memory is bounded


def in_groups(
    items: Sequence[T],
    key: Callable[[T], tuple[int, Hashable]],
    work: Callable[[Sequence[T]], Sequence[R]],
) -> list[R]:
    """Results of all items in their order; those of one key are worked on together.

    Args:
        items: The items.
        key: Side of the image of an item in pixels, and what else items have in common.
        work: Work on items of one key, as many at once as memory allows.
    """
    groups: dict[tuple[int, Hashable], list[int]] = {}
    for place, item in enumerate(items):
        groups.setdefault(key(item), []).append(place)
    results: dict[int, R] = {}
    for (side, _), places in groups.items():
        most = max(1, _PIXELS // side**2)
        for start in range(0, len(places), most):
            some = places[start : start + most]
            results |= zip(some, work([items[place] for place in some]), strict=True)
    return [results[place] for place in range(len(items))]
