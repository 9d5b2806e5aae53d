"""Reads videos with NVDEC, the video decoder of NVIDIA GPUs, as ``VideoReader`` reads them.

Only videos are read of which it is certain that their frames have the same indices, time stamps and
orientation as those of ``VideoReader``; their colours differ by less than a level of 255, because
TorchCodec repeats the chroma of every four pixels where ``VideoReader`` interpolates it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from av import CodecContext
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from faceswap.core.errors import MediaError
from faceswap.media.colour import BT709, BT2020_CL, RGB, SMPTE170M, ColourTags, matrix_change
from faceswap.media.container import open_media, video_stream
from faceswap.media.frame import Frame
from faceswap.media.nvdec_library import open_decoder
from faceswap.media.orientation import Orientation
from faceswap.media.picture_losses import HDR
from faceswap.media.picture_table import PictureTable, UncertainPicturesError
from faceswap.media.video import VideoInfo, VideoReader, probe

MOST_DIFFERENT = 2.0
"""Largest mean difference, in levels of 255, of the frames of both decoders."""

_CODECS = {"h264": "H.264", "hevc": "H.265", "vp9": "VP9", "av1": "AV1", "libdav1d": "AV1"}
_CONTAINERS = ("mp4", "matroska")  # formats as FFmpeg names them
_FORMATS = ("yuv420p", "yuvj420p")
_OTHER_MATRICES = (RGB, 8, 9, BT2020_CL)  # neither BT.709 nor, like all others, taken for BT.601
_BATCH_BYTES = 64 << 20
_ELSEWHERE = "Extract it with --video-decoder pyav --overwrite."


class NotForNvdecError(Exception):
    """A video cannot be decoded with NVDEC with the same result; says why."""


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
        decoder = self._video.open()
        step = max(1, _BATCH_BYTES // (3 * info.width * info.height))
        for first in range(self._start, self.total, step):
            last = min(first + step, self.total)
            for index, image in enumerate(self._video.images(decoder, first, last), first):
                pts = table.pts[index]
                yield Frame(
                    index,
                    pts,
                    float(pts * info.time_base),
                    image,
                    duration=table.durations[index],
                    pixel_aspect=info.display_aspect,
                )


def check_video(path: Path, device: str) -> tuple[NvdecVideo, float]:
    """Checks that NVDEC decodes a video like ``VideoReader``; decodes two frames with both.

    Args:
        path: Video file.
        device: Device that decodes.

    Returns:
        The video, and the mean difference of the frames in levels of 255.

    Raises:
        NotForNvdecError: It does not, or this is not certain.
        MediaError: The video cannot be read.
    """
    info = probe(path)
    problem = _unsuitable(info)
    if problem:
        raise NotForNvdecError(problem)
    try:
        table = PictureTable.of_file(path)
    except UncertainPicturesError as error:
        raise NotForNvdecError(str(error)) from error
    coded = _coded_tags(path)
    if coded.effective_range(info.pixel_format) != info.colour.effective_range(info.pixel_format):
        raise NotForNvdecError("the file and its codec disagree about the range of colours")
    if coded.matrix in _OTHER_MATRICES:
        raise NotForNvdecError(f"its colour matrix is {coded.matrix} of H.273")
    stored = info.orientation.size(info.width, info.height)
    correction = matrix_change(
        BT709 if coded.matrix == BT709 else SMPTE170M, info.colour.effective_matrix(*stored)
    )
    try:
        decoder = open_decoder(path, table.stream, device)
        orientation = _remaining(info.orientation, decoder.metadata.rotation)
        video = NvdecVideo(info, table, device, orientation, correction)
        return video, _difference(video, decoder)
    except (RuntimeError, ValueError, MediaError) as error:
        raise NotForNvdecError(f"it cannot be decoded ({str(error).splitlines()[0]})") from error


def _unsuitable(info: VideoInfo) -> str:
    """What of the metadata of a video NVDEC or TorchCodec does not support; "" if nothing."""
    if info.codec not in _CODECS:
        return f"its codec is {info.codec}"
    if info.pixel_format not in _FORMATS:
        return f"its pixel format is {info.pixel_format}"
    if info.colour.transfer in HDR:
        return "it is HDR"
    if info.width % 2 or info.height % 2:
        return "its size is odd"
    return ""


def _coded_tags(path: Path) -> ColourTags:
    """Colour tags in the coded pictures, which NVDEC sees, without those of the container.

    Raises:
        NotForNvdecError: The video is interlaced, has film grain, transparency, or another
            container than MP4, MOV, Matroska and WebM.
    """
    with open_media(path) as container:
        stream = video_stream(container, path)
        if not any(name in container.format.name for name in _CONTAINERS):
            raise NotForNvdecError(f"its container is {container.format.name}")
        if stream.metadata.get("alpha_mode") == "1":
            raise NotForNvdecError("it has transparency")
        alone = CodecContext.create(stream.codec_context.codec.name, "r")
        assert isinstance(alone, VideoCodecContext)
        alone.extradata = stream.codec_context.extradata
        # The grain is synthesised after decoding: frames with grain would differ.
        alone.options = {"export_side_data": "film_grain"}
        for packet in container.demux(stream):
            try:
                frames = alone.decode(packet if packet.size else None)
            except FFmpegError as error:
                raise NotForNvdecError("its first frame is damaged") from error
            for frame in frames:
                if frame.interlaced_frame:
                    raise NotForNvdecError("it is interlaced")
                if frame.side_data.get("FILM_GRAIN_PARAMS") is not None:
                    raise NotForNvdecError("it has film grain")
                return ColourTags.of_frame(frame)
    raise NotForNvdecError("its first frame is damaged")


def _remaining(orientation: Orientation, rotation: float | None) -> Orientation:
    """What makes pictures upright that TorchCodec has rotated already.

    Args:
        orientation: Transformation of the stored pictures into upright ones.
        rotation: Degrees by which TorchCodec rotates them counterclockwise; None for not at all.

    Raises:
        NotForNvdecError: TorchCodec rotates them, and not upright.
    """
    if not rotation:
        return orientation
    mirrored = orientation != Orientation() and not orientation.rotation
    if mirrored or round(-rotation / 90) % 4 * 90 != orientation.rotation:
        raise NotForNvdecError("it is stored mirrored")
    return Orientation()


def _difference(video: NvdecVideo, decoder: Any) -> float:
    """Largest mean difference of frames of both decoders: the first one, and one in the middle.

    Raises:
        NotForNvdecError: The frames differ.
    """
    if len(decoder) != len(video.table.pts):
        raise NotForNvdecError(f"TorchCodec finds {len(decoder)} of {len(video.table.pts)} frames")
    differences = []
    for index in sorted({0, video.table.key_near_middle()}):
        expected = next(iter(VideoReader(video.info.path, index)), None)
        if expected is None or (expected.index, expected.pts) != (index, video.table.pts[index]):
            raise NotForNvdecError("frames are missing")
        (image,) = video.images(decoder, index, index + 1)
        if video.device.startswith("cuda") and decoder.cpu_fallback:
            raise NotForNvdecError("this GPU does not decode it")
        if image.shape != expected.image.shape:
            raise NotForNvdecError("TorchCodec decodes it in another size")
        differences.append(float(np.abs(image.astype(np.int16) - expected.image).mean()))
    if max(differences) > MOST_DIFFERENT:
        raise NotForNvdecError(f"its colours would differ by {max(differences):.1f} of 255")
    return max(differences)
