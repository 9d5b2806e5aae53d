"""How the head is held, before and after."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap.alignment import head_pose


@dataclass(frozen=True)
class Angles:
    """Degrees upwards, towards image right, and clockwise."""

    pitch: float
    yaw: float
    roll: float


def angles(points: NDArray[np.floating]) -> Angles:
    """Pose of a head by its ``(68, 2)`` landmarks.

    A camera is fitted to the mean face, so a person whose face is not the mean one has a constant
    offset: it goes into the error of a swap, and is reported beside it.
    """
    pose = head_pose(points)
    return Angles(pose.pitch, pose.yaw, pose.roll)


def turned(before: Angles, after: Angles) -> Angles:
    """After minus before, each in -180 to 180."""
    return Angles(
        _wrapped(after.pitch - before.pitch),
        _wrapped(after.yaw - before.yaw),
        _wrapped(after.roll - before.roll),
    )


def _wrapped(degrees: float) -> float:
    return (degrees + 180) % 360 - 180
