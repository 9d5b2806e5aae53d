"""What differs between the frames of two readers of a video."""

from collections.abc import Iterable
from itertools import zip_longest

import numpy as np

from faceswap.media.frame import Frame


def differences(ours: Iterable[Frame], theirs: Iterable[Frame], most: float) -> list[str]:
    """Lines that say what differs; empty if nothing does.

    Args:
        ours: Frames of one reader.
        theirs: Frames of the other.
        most: Mean difference of an image that is allowed, in levels of 255.
    """
    lines = []
    for number, (one, other) in enumerate(zip_longest(ours, theirs)):
        if one is None or other is None:
            return [*lines, f"only {'theirs' if one is None else 'ours'} has a frame {number}"]
        for name in ("index", "pts", "time", "duration", "pixel_aspect"):
            if getattr(one, name) != getattr(other, name):
                lines.append(f"{number}: {name} {getattr(one, name)}, not {getattr(other, name)}")
        if one.image.shape != other.image.shape:
            lines.append(f"{number}: shape {one.image.shape}, not {other.image.shape}")
            continue
        change = np.abs(one.image.astype(int) - other.image)
        if change.mean() > most:
            lines.append(f"{number}: pixels differ by {change.mean():.2f}, at most {change.max()}")
        if not (one.image.flags.c_contiguous and one.image.flags.writeable):
            lines.append(f"{number}: the image is not contiguous and writable")
    return lines
