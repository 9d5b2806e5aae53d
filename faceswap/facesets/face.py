"""One face of a faceset."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Face:
    """One face of a faceset.

    Attributes:
        frame: Index of the frame from 0; for photos, of the file in ``record["source"]["files"]``.
        pts: Presentation time stamp in the source's time base.
        time: Presentation time in seconds.
        face: Index of the face within its frame, from 0.
        track: Number of the track in a video, from 0; for photos, number of the face within its
            photo.
        person: Number or name of the person, the same in all facesets of a folder; None if it has
            not been determined.
        box: Box, ``(4,) float32`` x0, y0, x1, y1 in frame pixels.
        score: Confidence of the detection, in [0, 1].
        presence: Presence of a face by the landmarker; None in facesets of earlier versions.
        filled: Whether the face was lost in this frame, and placed between its neighbours.
        landmarks: Landmarks68, ``(68, 2) float32`` in frame pixels; smoothed in time for videos.
        matrix: Crop matrix, ``(2, 3) float64``, frame pixel -> pixel of the stored crop.
        yaw: Turn of the head towards image right, in degrees.
        pitch: Turn of the head upwards, in degrees.
        roll: Tilt of the head clockwise in the image, in degrees.
        size: Side of the face square in frame pixels.
        sharpness: Variance of the Laplacian over the face at a fixed size; higher is sharper.
        exposure: Mean luma over the face, in [0, 1].
        image: File name of the crop in ``images/``; "" if it was not stored.
        mask: File name of the default mask in ``masks/``, or None.
        order: Place in the last sorting, from 0; None if the faceset was not sorted.
        group: Group in the last grouping; None if the faceset was not grouped.
        masks: File names of further masks in ``masks/<masker>/``, by masker.
    """

    frame: int
    pts: int
    time: float
    face: int
    track: int
    person: str | None
    box: NDArray[np.float32]
    score: float
    presence: float | None
    filled: bool
    landmarks: NDArray[np.float32]
    matrix: NDArray[np.float64]
    yaw: float
    pitch: float
    roll: float
    size: float
    sharpness: float
    exposure: float
    image: str
    mask: str | None
    order: int | None
    group: str | None
    masks: Mapping[str, str]
