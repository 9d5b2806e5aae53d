"""Stored values of frames and videos, for tests that compare them to the bit."""

from pathlib import Path

import av
import numpy as np
from av import VideoFrame


def frame_planes(frame: VideoFrame) -> list[np.ndarray]:
    """Copies of the planes of a planar frame, as integers."""
    deep = any(component.bits > 8 for component in frame.format.components)
    found = []
    for plane in frame.planes:
        rows = np.frombuffer(memoryview(plane), np.uint16 if deep else np.uint8)
        found.append(rows.reshape(plane.height, -1)[:, : plane.width].astype(np.int64))
    return found


def video_planes(path: Path) -> list[tuple[str, list[np.ndarray]]]:
    """Pixel format and planes of all frames, as they are stored."""
    with av.open(str(path)) as container:
        return [(frame.format.name, frame_planes(frame)) for frame in container.decode(video=0)]
