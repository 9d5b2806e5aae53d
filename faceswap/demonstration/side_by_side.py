"""Combines clips side by side: as one video, and as a grid of pictures."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from faceswap.core.held_file import Signer
from faceswap.core.prefetch import prefetch
from faceswap.facesets.faceset import Faceset
from faceswap.media.captions import titled
from faceswap.media.frame import Frame, Image
from faceswap.media.video import VideoInfo, VideoReader
from faceswap.media.writer import VideoWriter


@dataclass(frozen=True)
class Panel:
    """A clip of a side-by-side view.

    Attributes:
        path: Video file.
        title: Caption.
    """

    path: Path
    title: str


def write_side_by_side(
    rows: Sequence[Sequence[Panel]],
    output: Path,
    *,
    sound: Path | None = None,
    metadata: dict[str, str] | None = None,
    sign: Signer | None = None,
    on_frames: Callable[[int], None] = lambda _: None,
) -> int:
    """Write clips of equal frame size as tiles of one video, which ends with the shortest clip.

    Args:
        rows: Rows of panels, all of the same length.
        output: Output video; created when complete.
        sound: File whose audio is copied, or None.
        metadata: Metadata tags of the video.
        sign: Function that signs the complete video before it is renamed.
        on_frames: Callback with the number of frames written since the last call.

    Returns:
        Number of frames written.

    Raises:
        MediaError: A clip cannot be read or the output cannot be written.
        StorageFullError: The disk is full; ``output`` is not created.
    """
    panels = [panel for row in rows for panel in row]
    first = VideoReader(panels[0].path).info
    height, width = first.height * len(rows), first.width * len(rows[0])
    info = VideoInfo.for_new(width, height, first.fps)
    count = 0
    with (
        closing(prefetch(_paired_frames(panels), depth=8)) as steps,
        VideoWriter(output, info, audio_from=sound, metadata=metadata, sign=sign) as writer,
    ):
        for images in steps:
            tiles = iter(images)
            writer.write(_tiled([[next(tiles) for _ in row] for row in rows]), count)
            count += 1
            on_frames(1)
    return count


def _paired_frames(panels: Sequence[Panel]) -> Iterator[list[Image]]:
    readers = [VideoReader(panel.path) for panel in panels]
    for frames in zip(*readers, strict=False):
        yield [
            titled(frame.image, panel.title) for frame, panel in zip(frames, panels, strict=True)
        ]


def picture_grid(columns: Sequence[Panel], indices: Sequence[int], side: int = 240) -> Image:
    """Grid of frames: a row for each frame index, a column for each clip.

    Args:
        columns: Clips.
        indices: Frame indices, one for each row.
        side: Width of a picture in pixels; the height keeps the aspect ratio.

    Returns:
        ``(H, W, 3) uint8 RGB``; the first row has the captions.
    """
    pictures = [_frames_at(panel.path, indices) for panel in columns]
    rows = []
    for number in range(len(indices)):
        row = [_resized(column[number], side) for column in pictures]
        if number == 0:
            row = [titled(image, panel.title) for image, panel in zip(row, columns, strict=True)]
        rows.append(row)
    return _tiled(rows)


def frames_by_yaw(faceset: Faceset, count: int) -> list[int]:
    """Indices of ``count`` frames, evenly spaced by head yaw from image left to image right."""
    faces = sorted(faceset.faces(), key=lambda face: face.yaw)
    positions = np.linspace(0.02, 0.98, count) * (len(faces) - 1)
    return [faces[int(position)].frame for position in positions]


def _frames_at(path: Path, indices: Sequence[int]) -> list[Image]:
    wanted = set(indices)
    found: dict[int, Image] = {}
    frame: Frame
    for frame in VideoReader(path):
        if frame.index in wanted:
            found[frame.index] = frame.image
        if len(found) == len(wanted):
            break
    return [found[index] for index in indices]


def _resized(image: Image, width: int) -> Image:
    height = round(image.shape[0] * width / image.shape[1])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _tiled(rows: Sequence[Sequence[Image]]) -> Image:
    return np.concatenate([np.concatenate(row, axis=1) for row in rows], axis=0)
