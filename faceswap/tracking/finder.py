"""Builds a tracker by name and runs it over the frames of a source."""

from collections.abc import Iterable, Iterator
from typing import Literal

import torch

from faceswap.core.prefetch import prefetch
from faceswap.detectors import build_detector, tile_detector
from faceswap.landmarkers import Normalise, build_landmarker
from faceswap.media.frame import Frame
from faceswap.tracking.ahead import detect_ahead, follow
from faceswap.tracking.settings import TrackerSettings
from faceswap.tracking.tracker import Tracker
from faceswap.tracking.tracks import TrackedFace

DETECTOR, LANDMARKER = "blazeface", "facemesh"
"""Names of the default detector and landmarker."""
_GPU_BATCH = 8  # scheduled detection passes; a CPU gains nothing from batches


def build_tracker(
    detector: str = DETECTOR,
    landmarker: str = LANDMARKER,
    device: str = "cpu",
    *,
    normalise: Normalise = "none",
    re_feed: int = 1,
    min_score: float | None = None,
    min_size: int = 1,
    tiles: str = "auto",
    turned: Literal["auto", "always", "never"] = "auto",
    batch: int | None = None,
    step: int = 1,
) -> Tracker:
    """Builds a tracker and loads its networks' weights.

    Args:
        detector: Name of the detector.
        landmarker: Name of the landmarker.
        device: Device of both networks.
        normalise: Normalisation of the contrast around each face before landmarks are placed.
        re_feed: Number of regions of each face over which landmarks are averaged.
        min_score: Score in [0, 1] below which detections are dropped; None for the detector's own.
        min_size: Side of the face square in frame pixels below which no face is wanted.
        tiles: Tiles along the longer side of a frame, "auto" or "off"; see ``tile_detector``.
        turned: When turned frames are searched; see ``TrackerSettings``.
        batch: Scheduled detection passes that run as one batch, for which frames are read ahead;
            None for as many as suit the device.
        step: Frames of the video from one tracked frame to the next.

    Raises:
        ConfigError: There is no such detector, landmarker, normalisation or number of tiles.
        WeightsUnavailable: Weights could neither be found nor fetched.
    """
    options = {} if min_score is None else {"min_score": min_score}
    if batch is None:
        batch = 1 if torch.device(device).type == "cpu" else _GPU_BATCH
    built = build_detector(detector, device=device, **options)
    return Tracker(
        built,
        build_landmarker(landmarker, device, normalise=normalise, re_feed=re_feed),
        TrackerSettings(turned=turned, batch=batch, step=step),
        tile_detector(built, tiles, min_size),
    )


def track_faces(
    frames: Iterable[Frame], tracker: Tracker, kind: str
) -> Iterator[tuple[Frame, list[TrackedFace]]]:
    """Yields each frame with its faces, in order, in pixels of the frame as it is displayed.

    Scheduled detection passes run ahead, in a thread of their own.

    Args:
        frames: All frames of one source, in order.
        tracker: Tracker that follows the faces of a video from frame to frame.
        kind: Kind of the source: "video", or "images", whose faces are found independently.
    """
    return follow(prefetch(detect_ahead(frames, tracker, kind), 1), tracker, kind)
