"""Shows clips beside one another: as one video, and as a grid of pictures."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from faceswap.core.prefetch import prefetch
from faceswap.media.captions import titled
from faceswap.media.frame import Frame, Image
from faceswap.media.video import VideoInfo, VideoReader
from faceswap.media.writer import VideoWriter


@dataclass(frozen=True)
class Panel:
    """One clip of several that are shown together.

    Attributes:
        path: The video.
        title: What is written on it (plain ASCII letters only).
    """

    path: Path
    title: str


def write_side_by_side(
    rows: Sequence[Sequence[Panel]],
    output: Path,
    *,
    sound: Path | None = None,
    metadata: dict[str, str] | None = None,
    seal: Callable[[Path, Path], None] | None = None,
    on_frames: Callable[[int], None] = lambda _: None,
) -> int:
    """Plays clips of one size in step, as tiles of one video.

    Args:
        rows: Rows of panels, all of one length; it ends with the shortest clip.
        output: The video; it appears when it is complete.
        sound: A file whose sound goes with it.
        metadata: Tags of the video.
        seal: Marks the finished video before it takes its name.
        on_frames: Called with the number of frames written since the last call.

    Returns:
        The number of frames written.

    Raises:
        MediaError: A clip cannot be read, or the output not be written.
        StorageFullError: The disk is full; nothing is left at ``output``.
    """
    panels = [panel for row in rows for panel in row]
    first = VideoReader(panels[0].path).info
    height, width = first.height * len(rows), first.width * len(rows[0])
    info = VideoInfo.for_new(width, height, first.fps)
    count = 0
    with (
        closing(prefetch(_in_step(panels), depth=8)) as steps,
        VideoWriter(output, info, audio_from=sound, metadata=metadata, seal=seal) as writer,
    ):
        for images in steps:
            tiles = iter(images)
            writer.write(_tiled([[next(tiles) for _ in row] for row in rows]), count)
            count += 1
            on_frames(1)
    return count


def _in_step(panels: Sequence[Panel]) -> Iterator[list[Image]]:
    readers = [VideoReader(panel.path) for panel in panels]
    for frames in zip(*readers, strict=False):
        yield [
            titled(frame.image, panel.title) for frame, panel in zip(frames, panels, strict=True)
        ]


def picture_grid(columns: Sequence[Panel], indices: Sequence[int], side: int = 240) -> Image:
    """A row of pictures for each of several frames, a column for each clip.

    Args:
        columns: The clips.
        indices: Which frames of each, in the order of the rows.
        side: Width of a picture in pixels; the height follows from the clip's.

    Returns:
        ``(H, W, 3) uint8 RGB``; titles stand in the first row.
    """
    pictures = [_frames_at(panel.path, indices) for panel in columns]
    rows = []
    for number in range(len(indices)):
        row = [_shrunk(column[number], side) for column in pictures]
        if number == 0:
            row = [titled(image, panel.title) for image, panel in zip(row, columns, strict=True)]
        rows.append(row)
    return _tiled(rows)


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


def _shrunk(image: Image, width: int) -> Image:
    height = round(image.shape[0] * width / image.shape[1])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _tiled(rows: Sequence[Sequence[Image]]) -> Image:
    return np.concatenate([np.concatenate(row, axis=1) for row in rows], axis=0)
