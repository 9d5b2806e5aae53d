"""Where a video is cut into pieces that can be decoded by themselves."""

from collections import deque
from collections.abc import Sequence


def cut_at_keys(keys: Sequence[int], frames: int, length: int, first: int = 0) -> list[int]:
    """First frames of consecutive pieces of a video, the same for the same file.

    A piece begins at the first key frame after ``length`` frames of the last one, so that it can be
    decoded by itself; where there is none within as many frames more, after exactly ``length``.

    Args:
        keys: Ascending indices of the key frames; empty where they are not known.
        frames: Number of frames of the video.
        length: Fewest frames of a piece.
        first: Index of the first frame of the first piece.
    """
    ahead, begins = deque(keys), [first]
    while begins[-1] + length < frames:
        least = begins[-1] + length
        while ahead and ahead[0] < least:
            ahead.popleft()
        begins.append(ahead[0] if ahead and ahead[0] < least + length else least)
    return begins
