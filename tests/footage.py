"""Small clips for tests, made from a public-domain portrait (NASA) of scikit-image."""

from collections.abc import Callable, Container, Iterable
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
import skimage.data
from av.video.frame import PictureType

Image = np.ndarray


@cache
def portrait() -> Image:
    """``(256, 256, 3) uint8 RGB``: one face, about 80 pixels wide."""
    return cv2.resize(
        skimage.data.astronaut()[:400, 50:450], (256, 256), interpolation=cv2.INTER_AREA
    )


def moving_portrait(index: int) -> Image:
    """The portrait, shifted and turned a little more with each frame."""
    matrix = cv2.getRotationMatrix2D(
        (128, 128), 6 * np.sin(index / 7), 1 + 0.05 * np.sin(index / 11)
    )
    matrix[:, 2] += [8 * np.sin(index / 5), 5 * np.cos(index / 9)]
    return cv2.warpAffine(portrait(), matrix, (256, 256), borderMode=cv2.BORDER_REFLECT_101)


def plain_picture(index: int) -> Image:
    """Waves without any face."""
    ys, xs = np.mgrid[:256, :256]
    wave = 127 + 60 * np.sin((xs + 3 * index) / 23) * np.cos(ys / 31)
    return np.repeat(wave.astype(np.uint8)[..., None], 3, axis=2)


def squeezed_portrait(index: int) -> Image:
    """The moving portrait as it is stored with pixels of 4:3, ``(256, 192, 3)``."""
    return cv2.resize(moving_portrait(index), (192, 256), interpolation=cv2.INTER_AREA)


def write_clip(
    path: Path,
    frames: int,
    picture: Callable[[int], Image] = moving_portrait,
    sound: bool = True,
    pixel_aspect: Fraction | int = 1,
    keys: Container[int] = (),
) -> Path:
    """Writes a clip at 25 frames/s, by default with a tone of the same length.

    The first frame and those of ``keys`` are key frames.
    """
    # The index in front, so that a file cut short can still be read.
    with av.open(path, "w", options={"movflags": "faststart"}) as container:
        video = container.add_stream("libx264", rate=25)
        video.height, video.width, _ = picture(0).shape
        video.pix_fmt = "yuv420p"
        if pixel_aspect != 1:
            video.codec_context.sample_aspect_ratio = Fraction(pixel_aspect)
        video.options = {"crf": "12", "preset": "ultrafast", "forced-idr": "1"}
        audio = container.add_stream("aac", rate=16000, layout="mono") if sound else None
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(index), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            if index in keys:
                frame.pict_type = PictureType.I
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if audio is not None:
            samples = np.sin(np.arange(640 * frames) * 0.17).astype(np.float32)[None] * 0.3
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16000, 0
            container.mux(audio.encode(frame))
            container.mux(audio.encode())
    return path


def undecodable(clip: Path, path: Path, frames: Iterable[int], kept: float = 0) -> Path:
    """Copies a clip of ``write_clip`` with zeros in place of the data of some frames.

    ``kept`` is the share of their data that stays: a frame with half of it is decoded with errors.
    """
    content = bytearray(clip.read_bytes())
    with av.open(str(clip)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    for packet in (packets[index] for index in frames):
        assert packet.pos is not None
        # The last byte stays, too, where some do: without it, the frame is not decoded at all.
        first, last = round(kept * packet.size), packet.size - (kept > 0)
        content[packet.pos + first : packet.pos + last] = bytes(last - first)
    path.write_bytes(content)
    return path
