"""Where shots begin: only there, and at the ends of a clip, may faces appear at once."""

from collections.abc import Collection

from faceswap.media.chosen_frames import read_frames
from faceswap.media.sources import Source
from faceswap.tracking.scene_cuts import similarity, thumbnail
from faceswap.tracking.settings import TrackerSettings


def find_cuts(source: Source, frames: Collection[int]) -> set[int]:
    """Those of some frames of a video that begin a shot, as the tracker recognises cuts.

    Args:
        source: Video.
        frames: Indices of frames; only these and those before them are read.

    Raises:
        MediaError: The video cannot be read.
    """
    threshold = TrackerSettings().min_similarity
    around = {index for frame in frames for index in (frame - 1, frame) if index >= 0}
    found, last = set(), None
    for frame in read_frames(source, around):
        picture = thumbnail(frame.image)
        follows = last is not None and last[0] == frame.index - 1 and frame.index in frames
        if last is not None and follows and similarity(last[1], picture) < threshold:
            found.add(frame.index)
        last = frame.index, picture
    return found
