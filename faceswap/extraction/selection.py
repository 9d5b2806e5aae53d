"""Selection of the faces that an extraction stores."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from faceswap.core.errors import ConfigError
from faceswap.geometry.alignment import HeadPose, head_pose
from faceswap.tracking.tracks import TrackedFace

Range = tuple[float | None, float | None]
"""Least and greatest value; None for an open end."""
_NUMBER = re.compile(r"[+-]?\d{1,6}(?:\.\d{1,6})?")
_LOYALTY = 1.25  # how many times larger another face must be to take the place of a chosen one


@dataclass(frozen=True)
class Selection:
    """Conditions that a face has to meet to be stored; None for no condition.

    Attributes:
        min_size: Least side of the face square (brows to chin) in frame pixels.
        max_size: Greatest side of the face square in frame pixels.
        min_presence: Least presence given by the landmarker, in [0, 1].
        min_sharpness: Least sharpness of the crop (``cropping.measure``).
        yaw: Range of the turn of the head towards image right, in degrees.
        pitch: Range of the turn of the head upwards, in degrees.
        roll: Range of the tilt of the head clockwise, in degrees.
        max_faces: Number of faces of a frame, the largest that meet the conditions before
            sharpness. A chosen face keeps its place until another one is clearly larger.
    """

    min_size: int = 24
    max_size: int | None = None
    min_presence: float | None = None
    min_sharpness: float | None = None
    yaw: Range | None = None
    pitch: Range | None = None
    roll: Range | None = None
    max_faces: int | None = None

    def fault_of(self, pose: HeadPose, presence: float) -> str | None:
        """Name of the first condition that a face does not meet, before its crop is cut.

        Args:
            pose: Pose of the head.
            presence: Presence of the face, in [0, 1].
        """
        if pose.scale < self.min_size:
            return "min_size"
        if self.max_size is not None and pose.scale > self.max_size:
            return "max_size"
        if self.min_presence is not None and presence < self.min_presence:
            return "min_presence"
        for name in ("yaw", "pitch", "roll"):
            limits: Range | None = getattr(self, name)
            if limits is not None and not _within(getattr(pose, name), limits):
                return name
        return None

    def record(self) -> dict[str, Any]:
        """Conditions as JSON values."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }


class Selector:
    """Applies a selection to the frames of a source, in order, and counts what it leaves out.

    Args:
        selection: Conditions.
        follows: Whether the frames follow each other in time, so that tracks continue.

    Attributes:
        left_out: Number of faces left out, by the name of the condition.
    """

    def __init__(self, selection: Selection, *, follows: bool) -> None:
        self.selection = selection
        self.left_out: Counter[str] = Counter()
        self._follows = follows
        self._chosen: set[int] = set()

    def select(self, faces: Sequence[TrackedFace]) -> Iterator[tuple[int, TrackedFace, HeadPose]]:
        """Yields the faces of the next frame that meet all conditions but sharpness.

        Yields:
            Number of the face in ``faces``, the face, and the pose of its head.
        """
        found = []
        for number, face in enumerate(faces):
            pose = head_pose(face.landmarks.points)
            fault = self.selection.fault_of(pose, face.landmarks.presence)
            if fault is None:
                found.append((number, face, pose))
            else:
                self.left_out[fault] += 1
        yield from self._largest(found)

    def is_sharp(self, sharpness: float) -> bool:
        """Whether the sharpness of a crop suffices; otherwise the face is counted."""
        least = self.selection.min_sharpness
        if least is None or sharpness >= least:
            return True
        self.left_out["min_sharpness"] += 1
        return False

    def _largest(
        self, found: list[tuple[int, TrackedFace, HeadPose]]
    ) -> list[tuple[int, TrackedFace, HeadPose]]:
        most = self.selection.max_faces
        if most is None:
            return found
        ranked = sorted(found, key=lambda item: self._rank(item[1], item[2]), reverse=True)[:most]
        if len(found) > most:
            self.left_out["max_faces"] += len(found) - most
        if self._follows:
            self._chosen = {face.track for _, face, _ in ranked}
        return sorted(ranked, key=lambda item: item[0])

    def _rank(self, face: TrackedFace, pose: HeadPose) -> float:
        return pose.scale * (_LOYALTY if face.track in self._chosen else 1)


def parse_range(text: str | None, option: str) -> Range | None:
    """Parses ``MIN:MAX``, of which either may be missing.

    Args:
        text: Text; None for no range.
        option: Name of the option, for messages.

    Raises:
        ConfigError: It is no range.
    """
    if text is None:
        return None
    least, colon, most = text.partition(":")
    if colon and all(_NUMBER.fullmatch(end) for end in (least, most) if end):
        limits = float(least) if least else None, float(most) if most else None
        if limits[0] is None or limits[1] is None or limits[0] <= limits[1]:
            return limits
    raise ConfigError(
        f"Expected MIN:MAX in degrees for {option}, found {text!r}.",
        f"For example {option}=-30:30, or {option}=20: for 20 and more.",
    )


def _within(value: float, limits: Range) -> bool:
    least, most = limits
    return (least is None or value >= least) and (most is None or value <= most)
