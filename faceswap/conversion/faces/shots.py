"""Where pictures change at once: at cuts, and where something covers a face from one frame on."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap.media.chosen_frames import read_frames
from faceswap.media.frame import Image
from faceswap.media.sources import Source
from faceswap.tracking.scene_cuts import similarity, thumbnail
from faceswap.tracking.settings import TrackerSettings

Place = tuple[int, NDArray[np.floating]]
"""A frame, and a box in it, ``(4,)`` x0, y0, x1, y1 in pixels of the frame as it is displayed."""


@dataclass(frozen=True)
class Changes:
    """Where the picture changes at once.

    Attributes:
        cuts: Frames that begin a shot.
        places: Positions of the places, of those that were asked for, whose content is new.
    """

    cuts: set[int]
    places: set[int]


def find_changes(
    source: Source,
    frames: Collection[int],
    places: Sequence[Place] = (),
    pixel_aspect: float = 1.0,
) -> Changes:
    """Compares frames of a video with those before them, as the tracker does to recognise cuts.

    Args:
        source: Video.
        frames: Indices of frames that may begin a shot; only these and those of ``places`` are
            read, and the one before each.
        places: Places whose content may be new in a frame: a face that was covered before.
        pixel_aspect: Width over height of a pixel.

    Raises:
        MediaError: The video cannot be read.
    """
    threshold = TrackerSettings().min_similarity
    at_frame: dict[int, list[int]] = {}
    for position, (frame, _) in enumerate(places):
        at_frame.setdefault(frame, []).append(position)
    around = {i for frame in {*frames, *at_frame} for i in (frame - 1, frame) if i >= 0}
    changes, last = Changes(set(), set()), None
    for frame in read_frames(source, around):
        image, index = frame.image, frame.index
        before = last[1] if last is not None and last[0] == index - 1 else None
        last = index, image
        if before is None:
            continue
        if index in frames and similarity(thumbnail(before), thumbnail(image)) < threshold:
            changes.cuts.add(index)
        for position in at_frame.get(index, ()):
            old, new = (
                _cut_out(each, places[position][1], pixel_aspect) for each in (before, image)
            )
            if new.size and _agreement(old, new) < threshold:
                changes.places.add(position)
    return changes


def _agreement(one: Image, other: Image) -> float:
    """Concordance of two pictures up to their brightness, in [-1, 1] (Lin, 1989).

    Unlike the correlation by which cuts are found, it is small if one of them is blank: a wall in
    front of a face.
    """
    a, b = (small - small.mean(dtype=np.float64) for small in map(thumbnail, (one, other)))
    blank = 25.0
    return float((2 * (a * b).mean() + blank) / ((a * a).mean() + (b * b).mean() + blank))


def _cut_out(image: Image, box: NDArray[np.floating], pixel_aspect: float) -> Image:
    """The part of an image in a box; empty if the box lies outside."""
    x0, y0, x1, y1 = (box / [pixel_aspect, 1, pixel_aspect, 1]).round().astype(int).clip(0)
    return image[y0 : y1 + 1, x0 : x1 + 1]
