"""Checks that NVDEC decodes a video like ``VideoReader``.

That is: frames with the same indices, time stamps and orientation, and with colours that differ by
less than a level of 255 or two, because TorchCodec repeats the chroma of every four pixels where
``VideoReader`` interpolates it. Whatever is uncertain is refused.
"""

from pathlib import Path
from typing import Any

import numpy as np
from av import CodecContext, VideoFrame
from av.container import InputContainer
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from numpy.typing import NDArray

from faceswap.core.errors import MediaError
from faceswap.media.colour import BT709, BT2020_CL, RGB, SMPTE170M, ColourTags, matrix_change
from faceswap.media.container import has_coded_opacity, open_media, packets_of, video_stream
from faceswap.media.nvdec_library import open_decoder
from faceswap.media.nvdec_video import NvdecVideo
from faceswap.media.orientation import Orientation
from faceswap.media.picture_losses import HDR
from faceswap.media.picture_table import PictureTable, UncertainPicturesError
from faceswap.media.video import VideoInfo, VideoReader, probe

MOST_DIFFERENT = 2.0
"""Largest mean difference, in levels of 255, of a frame of both decoders."""

_CODECS = ("h264", "hevc", "vp9", "av1", "libdav1d")  # decoders as PyAV names them
_CONTAINERS = ("mp4", "matroska")  # formats as FFmpeg names them
_FORMATS = ("yuv420p", "yuvj420p")
_OTHER_MATRICES = (RGB, 8, 9, BT2020_CL)  # neither BT.709 nor, like all others, taken for BT.601


class NotForNvdecError(Exception):
    """NVDEC does not decode a video like ``VideoReader``, or this is not certain; says why."""


def check_video(path: Path, device: str) -> tuple[NvdecVideo, float]:
    """Checks a video; reads its packets, and decodes two frames with both decoders.

    Args:
        path: Video file.
        device: Decoding device: ``cuda`` or ``cuda:N``, or ``cpu`` for TorchCodec's own decoder.

    Returns:
        The video, and the mean difference of the frames in levels of 255.

    Raises:
        NotForNvdecError: The video is refused.
        MediaError: It cannot be read.
    """
    info = probe(path)
    _check_info(info)
    correction = _correction(info, _coded_frame(path))
    try:
        table = PictureTable.of_file(path)
    except UncertainPicturesError as error:
        raise NotForNvdecError(str(error)) from error
    try:
        decoder = open_decoder(path, table.stream, device)
        orientation = _remaining(info.orientation, decoder.metadata.rotation)
        video = NvdecVideo(info, table, device, orientation, correction)
        return video, _difference(video, decoder)
    except (RuntimeError, ValueError, MediaError) as error:
        raise NotForNvdecError(f"it cannot be decoded ({str(error).splitlines()[0]})") from error


def _check_info(info: VideoInfo) -> None:
    if info.codec not in _CODECS:
        raise NotForNvdecError(f"its codec is {info.codec}")
    if info.pixel_format not in _FORMATS:
        raise NotForNvdecError(f"its pixel format is {info.pixel_format}")
    if info.colour.transfer in HDR:
        raise NotForNvdecError("it is HDR")
    if info.width % 2 or info.height % 2:
        raise NotForNvdecError("its size is odd")


def _coded_frame(path: Path) -> VideoFrame:
    """First frame, with the tags of the coded pictures: NVDEC does not see those of the container.

    Raises:
        NotForNvdecError: The container or the frame is refused.
    """
    with open_media(path) as container:
        stream = video_stream(container, path)
        if not any(name in container.format.name for name in _CONTAINERS):
            raise NotForNvdecError(f"its container is {container.format.name}")
        if has_coded_opacity(stream):
            raise NotForNvdecError("it has transparency")
        frame = _decode_first(container, stream)
    if frame is None:
        raise NotForNvdecError("its first frame is damaged")
    if frame.interlaced_frame:
        raise NotForNvdecError("it is interlaced")
    if frame.side_data.get("FILM_GRAIN_PARAMS") is not None:
        raise NotForNvdecError("it has film grain")
    return frame


def _decode_first(container: InputContainer, stream: VideoStream) -> VideoFrame | None:
    alone = CodecContext.create(stream.codec_context.codec.name, "r")
    assert isinstance(alone, VideoCodecContext)
    alone.extradata = stream.codec_context.extradata
    # Grain is synthesised after decoding; with this option decoders describe it instead.
    alone.options = {"export_side_data": "film_grain"}
    try:
        for packet in packets_of(container, stream):
            for frame in alone.decode(packet if packet.size else None):
                return frame
    except FFmpegError:
        pass
    return None


def _correction(info: VideoInfo, coded: VideoFrame) -> NDArray[np.float64] | None:
    """Correction of the RGB of TorchCodec, which takes every matrix but BT.709 for BT.601.

    Raises:
        NotForNvdecError: The colours cannot be corrected.
    """
    tags = ColourTags.of_frame(coded)
    if tags.matrix in _OTHER_MATRICES:
        raise NotForNvdecError(f"its colour matrix is number {tags.matrix} of H.273")
    coded_range = tags.effective_range(coded.format.name)
    if coded_range != info.colour.effective_range(info.pixel_format):
        raise NotForNvdecError("container and codec disagree about the range of its colours")
    stored = info.orientation.size(info.width, info.height)
    taken = BT709 if tags.matrix == BT709 else SMPTE170M
    return matrix_change(taken, info.colour.effective_matrix(*stored))


def _remaining(orientation: Orientation, rotation: float | None) -> Orientation:
    """Transformation into upright pictures of those that TorchCodec may have rotated.

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
        reader = VideoReader(video.info.path, index)
        expected = next(iter(reader), None)
        if reader.inexact:
            raise NotForNvdecError("its key frames cannot be decoded by themselves")
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
