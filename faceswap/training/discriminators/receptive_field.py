"""Layers of 3x3 convolutions that together see patches of a given size."""

from collections.abc import Sequence
from itertools import product

KERNEL = 3


def receptive_field(strides: Sequence[int]) -> int:
    """Side in pixels of what one output of successive 3x3 convolutions depends on.

    Args:
        strides: Stride of each convolution, from the input on.
    """
    side, spacing = 1, 1
    for stride in strides:
        side += (KERNEL - 1) * spacing
        spacing *= stride
    return side


def plan_strides(patch: int, most_layers: int = 9) -> tuple[int, ...]:
    """Strides, 1 or 2, of the 3x3 convolutions whose receptive field is nearest to a patch.

    Of several plans with the same distance, the one with the fewest layers is chosen, then the one
    that shrinks the features most and earliest, which is the cheapest.

    Args:
        patch: Side of the patch in pixels, at least 3.
        most_layers: Largest number of layers; 9 with stride 2 see 1023 pixels.
    """
    plans = (
        strides for count in range(most_layers + 1) for strides in product((2, 1), repeat=count)
    )
    # The first of equals, in the order above: few layers first, and stride 2 before 1.
    return min(plans, key=lambda strides: abs(receptive_field(strides) - patch))
