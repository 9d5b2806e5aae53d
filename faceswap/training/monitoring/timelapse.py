"""A video of the previews of a training, in the order of their steps."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from faceswap.core.captions import text_mask
from faceswap.core.errors import MediaError
from faceswap.core.held_file import Signer
from faceswap.core.log import get_logger
from faceswap.media.encoders import VideoEncoding
from faceswap.media.images import Image, read_image
from faceswap.media.video_info import VideoInfo
from faceswap.media.writer import VideoWriter
from faceswap.provenance.metadata import SYNTHETIC
from faceswap.training.monitoring.preview_files import find_previews
from faceswap.training.run.progress import PhaseEntry, Progress

_log = get_logger(__name__)
NAME = "timelapse.mp4"
MOST_FRAMES = 900
"""Frames of the longest video; of more previews, evenly spaced ones are shown."""
_SECONDS, _SLOWEST, _FASTEST = 20, 2, 30  # duration aimed at, and frames per second
_LONGEST_SIDE = 1920  # pixels; larger ones are too much for many players
_BAR = 28  # pixels
_FIRST = 8


class Timelapse:
    """Writes ``timelapse.mp4`` from the previews in a folder, signed as synthetic.

    It is made of the files alone, so that killed and resumed trainings lose no frame. It is due
    whenever the number of previews has doubled, from eight on, and at the end of each start; all
    of these videos together take less than twice the time of the last one.

    Args:
        folder: Folder of the previews.
        sign: Returns the function that signs the video of a step.
    """

    def __init__(self, folder: Path, sign: Callable[[int], Signer]) -> None:
        self._folder, self._sign = folder, sign

    @property
    def path(self) -> Path:
        """The video."""
        return self._folder / NAME

    def is_due(self, last_step: int) -> bool:
        """Whether the number of previews up to a step has doubled."""
        count = len(find_previews(self._folder, last_step))
        return count >= _FIRST and count & (count - 1) == 0

    def lacks(self, last_step: int) -> bool:
        """Whether the video is older than the newest preview up to a step."""
        previews = find_previews(self._folder, last_step)
        if not previews:
            return False
        newest = previews[max(previews)].stat().st_mtime_ns
        return not self.path.is_file() or self.path.stat().st_mtime_ns < newest

    def write(self, progress: Progress) -> None:
        """Writes the video of all previews so far; nothing if there are none.

        Each frame is a preview of the size of the newest one, below a bar with its step and phase.

        Args:
            progress: Progress of the training.

        Raises:
            FaceswapError: The video cannot be written or signed; an earlier one is unchanged.
        """
        previews = _chosen(find_previews(self._folder, progress.step))
        newest = next((image for _, image in _readable(reversed(previews.items()))), None)
        if newest is None:
            return
        width, height = _canvas(newest)
        info = VideoInfo.for_new(width, height + _BAR, _frames_per_second(len(previews)))
        with VideoWriter(
            self.path,
            info,
            encoding=VideoEncoding(crf=20),
            metadata=SYNTHETIC,
            sign=self._sign(progress.step),
        ) as writer:
            for number, (step, image) in enumerate(_readable(previews.items())):
                label = _label(step, progress.phases)
                writer.write(_frame(image, label, width, height), number)


def _chosen(previews: Mapping[int, Path]) -> dict[int, Path]:
    steps = list(previews)
    count = min(len(steps), MOST_FRAMES)
    kept = np.linspace(0, len(steps) - 1, count).round().astype(int)
    return {steps[index]: previews[steps[index]] for index in kept}


def _readable(previews: Iterable[tuple[int, Path]]) -> Iterator[tuple[int, Image]]:
    for step, path in previews:
        try:
            yield step, read_image(path)
        except MediaError as error:
            _log.warning("A preview is left out of the timelapse. %s", error)


def _canvas(newest: Image) -> tuple[int, int]:
    """Width and height, both even, of the pictures."""
    height, width = newest.shape[:2]
    scale = min(1.0, _LONGEST_SIDE / max(height, width))
    return 2 * math.ceil(scale * width / 2), 2 * math.ceil(scale * height / 2)


def _frames_per_second(count: int) -> int:
    return min(_FASTEST, max(_SLOWEST, math.ceil(count / _SECONDS)))


def _label(step: int, phases: Sequence[PhaseEntry]) -> str:
    # A phase begins after the preview of its first step.
    entered = [phase for phase in phases if phase.step < step] or list(phases[:1])
    phase = f", {entered[-1].name}" if entered else ""
    return f"step {step:,}{phase} (synthetic faces)"


def _frame(image: Image, label: str, width: int, height: int) -> Image:
    """A preview in the middle of a white picture, shrunk to fit, below a bar with its label."""
    scale = min(1.0, width / image.shape[1], height / image.shape[0])
    across, down = (max(1, int(scale * side)) for side in (image.shape[1], image.shape[0]))
    if scale < 1:
        image = np.asarray(
            cv2.resize(image, (across, down), interpolation=cv2.INTER_AREA), np.uint8
        )
    frame = np.full((_BAR + height, width, 3), 255, np.uint8)
    top, left = _BAR + (height - down) // 2, (width - across) // 2
    frame[top : top + down, left : left + across] = image
    frame[:_BAR] = 0
    margin = _BAR // 4
    frame[:_BAR, margin:] = text_mask(label, _BAR, width - margin)[..., None]
    return frame
