"""Builds a tracker by name and runs it over the frames of a source."""

from collections.abc import Iterable, Iterator

from faceswap.detectors import build_detector
from faceswap.landmarkers import Normalise, build_landmarker
from faceswap.media.frame import Frame
from faceswap.tracking.tracker import Tracker
from faceswap.tracking.tracks import TrackedFace

DETECTOR, LANDMARKER = "blazeface", "facemesh"
"""Names of the default detector and landmarker."""


def build_tracker(
    detector: str = DETECTOR,
    landmarker: str = LANDMARKER,
    device: str = "cpu",
    *,
    normalise: Normalise = "none",
    re_feed: int = 1,
) -> Tracker:
    """Builds a tracker with the default settings and loads its networks' weights.

    Args:
        detector: Name of the detector.
        landmarker: Name of the landmarker.
        device: Device of both networks.
        normalise: Normalisation of the contrast around each face before landmarks are placed.
        re_feed: Number of regions of each face over which landmarks are averaged.

    Raises:
        ConfigError: There is no such detector, landmarker or normalisation.
        WeightsUnavailable: Weights could neither be found nor fetched.
    """
    return Tracker(
        build_detector(detector, device=device),
        build_landmarker(landmarker, device, normalise=normalise, re_feed=re_feed),
    )


def track_faces(
    frames: Iterable[Frame], tracker: Tracker, kind: str
) -> Iterator[tuple[Frame, list[TrackedFace]]]:
    """Yields each frame with its faces, in order, in pixels of the frame as it is displayed.

    Args:
        frames: Frames of one source.
        tracker: Tracker that follows the faces of a video from frame to frame.
        kind: Kind of the source: "video", or "images", whose faces are found independently.
    """
    for frame in frames:
        find = tracker.find_faces if kind == "images" else tracker.update
        yield frame, find(frame.displayed())
