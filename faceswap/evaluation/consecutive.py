"""Runs of consecutive frames among the evaluated ones."""

from collections.abc import Iterable

FrameKey = tuple[str, int]
"""Clip name and frame index."""


def consecutive(frames: Iterable[FrameKey], count: int) -> list[tuple[FrameKey, ...]]:
    """All runs of ``count`` consecutive frames of one clip, in order."""
    present = set(frames)
    candidates = (
        tuple((clip, index + step) for step in range(count)) for clip, index in sorted(present)
    )
    return [run for run in candidates if present.issuperset(run)]
