"""Rows of a video's faces, smoothed in time."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np

from faceswap.geometry.alignment import head_pose
from faceswap.landmarkers import FaceLandmarks
from faceswap.tracking.smoothing import smooth
from faceswap.tracking.tracks import TrackedFace

Row = dict[str, Any]


def smoothed(rows: Iterator[Row]) -> Iterator[Row]:
    """Smooths landmarks, mesh and pose of each track, and keeps the landmarks as they were.

    The stored crops were cut before, by the unsmoothed landmarks; their matrices remain valid.

    Args:
        rows: Rows of a video in their order, keyed by column.
    """
    frames = (list(group) for _, group in groupby(rows, key=lambda row: row["frame"]))
    tracked = ((group, [_tracked_face(row) for row in group]) for group in frames)
    for group, faces in smooth(tracked):
        for row, face in zip(group, faces, strict=True):
            yield row | {"raw_landmarks": row["landmarks"]} | _measured(face.landmarks)


def _tracked_face(row: Row) -> TrackedFace:
    mesh = row["mesh"]
    landmarks = FaceLandmarks(
        points=np.asarray(row["landmarks"], np.float32).reshape(68, 2),
        mesh=None if mesh is None else np.asarray(mesh, np.float32).reshape(-1, 3),
        presence=row["score"],
    )
    box = np.asarray(row["box"], np.float32)
    return TrackedFace(track=row["track"], box=box, score=row["score"], landmarks=landmarks)


def _measured(landmarks: FaceLandmarks) -> Row:
    pose = head_pose(landmarks.points)
    return {
        "landmarks": landmarks.points,
        "mesh": landmarks.mesh,
        "yaw": pose.yaw,
        "pitch": pose.pitch,
        "roll": pose.roll,
        "size": pose.scale,
    }
