"""Reads videos with NVDEC, the video decoder of NVIDIA GPUs, as ``VideoReader`` reads them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import MediaError
from faceswap.media.frame import Frame
from faceswap.media.nvdec_library import open_decoder
from faceswap.media.orientation import Orientation
from faceswap.media.picture_table import PictureTable
from faceswap.media.video import VideoInfo

_BATCH_BYTES = 64 << 20
_ELSEWHERE = "Extract it with --video-decoder pyav --overwrite."


@dataclass(frozen=True)
class NvdecVideo:
    """A video that NVDEC decodes like ``VideoReader``.

    Attributes:
        info: Metadata of the video.
        table: Table of its pictures.
        device: Decoding device: ``cuda`` or ``cuda:N``, or ``cpu`` for TorchCodec's own.
        orientation: Transformation of the pictures of TorchCodec into upright ones.
        correction: Correction of their RGB, a ``(3, 3)`` matrix; None if it is right.
    """

    info: VideoInfo
    table: PictureTable
    device: str
    orientation: Orientation
    correction: NDArray[np.float64] | None

    def open(self) -> Any:
        """Opens TorchCodec's decoder.

        Raises:
            MediaError: It cannot be opened.
        """
        try:
            return open_decoder(self.info.path, self.table.stream, self.device)
        except (RuntimeError, ValueError) as error:
            raise self._failure(0, error) from error

    def images(self, decoder: Any, first: int, last: int) -> Sequence[NDArray[np.uint8]]:
        """Decodes the pictures from ``first`` to before ``last``.

        Returns:
            ``(H, W, 3) uint8`` RGB, upright, contiguous and writable.

        Raises:
            MediaError: They cannot be decoded, or have other time stamps than the file.
        """
        try:
            batch = decoder.get_frames_in_range(first, last)
            stamps = np.rint(batch.pts_seconds.numpy() / float(self.info.time_base)).astype(int)
            pixels = self._corrected(batch.data).cpu().numpy()
        except (RuntimeError, IndexError) as error:
            raise self._failure(first, error) from error
        if [*(stamps + self.table.shift)] != [*self.table.pts[first:last]]:
            raise self._failure(first, ValueError("its frames have other time stamps"))
        return [self.orientation.apply(image) for image in pixels]

    def _corrected(self, images: Any) -> Any:
        if self.correction is None:
            return images
        values = images.float()
        return (values @ values.new_tensor(self.correction.T)).round_().clamp_(0, 255).byte()

    def _failure(self, index: int, error: Exception) -> MediaError:
        return MediaError(
            f"NVDEC cannot decode {self.info.path} from frame {index} on"
            f" ({str(error).splitlines()[0]}).",
            _ELSEWHERE,
        )


class NvdecReader:
    """Iterates over the frames of a video, with the attributes of ``VideoReader``.

    A picture with damaged content is concealed by the hardware, and not reported.

    Args:
        video: Video that was checked.
        start: Index of the first frame.
    """

    def __init__(self, video: NvdecVideo, start: int = 0) -> None:
        self.info = video.info
        self.damage: str | None = None
        self.notes: list[str] = [video.table.choice] if video.table.choice else []
        self.losses: list[str] = []
        self._video = video
        self._start = start

    @property
    def total(self) -> int:
        """Number of frames of the whole video."""
        return len(self._video.table.pts)

    def __iter__(self) -> Iterator[Frame]:
        info, table = self.info, self._video.table
        for index, image in enumerate(self._images(), self._start):
            pts = table.pts[index]
            yield Frame(
                index,
                pts,
                float(pts * info.time_base),
                image,
                duration=table.durations[index],
                pixel_aspect=info.display_aspect,
            )

    def _images(self) -> Iterator[NDArray[np.uint8]]:
        video, start = self._video, self._start
        decoder = video.open()
        for first, last in self._batches(start, self.total):
            try:
                images = video.images(decoder, first, last)
            except MediaError:
                if not start or first != start:
                    raise
                # Not every file can be searched for its key frames: decode from the beginning.
                decoder = video.open()
                for before in self._batches(0, start):
                    video.images(decoder, *before)
                images = video.images(decoder, first, last)
            yield from images

    def _batches(self, first: int, end: int) -> Iterator[tuple[int, int]]:
        step = max(1, _BATCH_BYTES // (3 * self.info.width * self.info.height))
        for begin in range(first, end, step):
            yield begin, min(begin + step, end)
