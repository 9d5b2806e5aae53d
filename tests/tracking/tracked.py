"""What tests compare of tracked faces."""

from collections.abc import Sequence

from faceswap.tracking.tracks import TrackedFace


def numbers(faces: Sequence[TrackedFace]) -> list[int]:
    """Numbers of the tracks, in the order of the faces."""
    return [face.track for face in faces]
