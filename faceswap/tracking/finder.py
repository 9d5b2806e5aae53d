"""Finds the faces of footage: builds a tracker from named parts and runs it over frames."""

from collections.abc import Iterable, Iterator

from faceswap.detectors import build_detector
from faceswap.landmarkers import build_landmarker
from faceswap.media.frame import Frame
from faceswap.tracking.tracker import TrackedFace, Tracker

DETECTOR, LANDMARKER = "blazeface", "facemesh"
"""The default parts."""


def build_tracker(
    detector: str = DETECTOR, landmarker: str = LANDMARKER, device: str = "cpu"
) -> Tracker:
    """A tracker with its networks' weights loaded on the device.

    Args:
        detector: Name of the detector.
        landmarker: Name of the landmarker.
        device: Device of both networks.

    Raises:
        ConfigError: There is no such detector or landmarker.
        WeightsUnavailable: Weights could neither be found nor fetched.
    """
    return Tracker(
        build_detector(detector, device=device), build_landmarker(landmarker, device=device)
    )


def track_faces(
    frames: Iterable[Frame], tracker: Tracker, kind: str
) -> Iterator[tuple[Frame, list[TrackedFace]]]:
    """The faces of each frame, in order.

    Args:
        frames: Frames of one source.
        tracker: Carries the tracks from frame to frame of a video.
        kind: The source's kind: "video", or "images", which have nothing to do with each other.
    """
    for frame in frames:
        find = tracker.still if kind == "images" else tracker.update
        yield frame, find(frame.image)
