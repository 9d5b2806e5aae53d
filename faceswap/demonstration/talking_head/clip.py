"""Clips of talking heads made from single portraits, with a voice: footage for a first try."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from matplotlib import cbook
from numpy.typing import NDArray
from skimage import data

from faceswap.core.prefetch import prefetch
from faceswap.core.seeding import generator
from faceswap.demonstration.talking_head.motion import Gesture, perform, track_of, wander
from faceswap.demonstration.talking_head.portrait import Portrait
from faceswap.media.frame import Image
from faceswap.media.images import read_image
from faceswap.media.sound import write_sound
from faceswap.media.video import VideoInfo
from faceswap.media.writer import VideoWriter

FPS = 25
SOUND_RATE = 44_100


@dataclass(frozen=True)
class Sitter:
    """A person whose portrait comes inside an installed library.

    Attributes:
        name: Short name, used for files and as the identity.
        title: Who it is.
        source: Where the picture comes from and why it may be used.
        load: Gives the portrait, ``(H, W, 3) uint8 RGB``.
    """

    name: str
    title: str
    source: str
    load: Callable[[], Image]


def _collins() -> Image:
    return np.asarray(data.astronaut(), np.uint8)


def _hopper() -> Image:
    return read_image(Path(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))


SITTERS = (
    Sitter("collins", "Eileen Collins", "NASA, public domain (scikit-image's astronaut)", _collins),
    Sitter("hopper", "Grace Hopper", "US Navy, public domain (matplotlib's grace_hopper)", _hopper),
)


def animate(
    portrait: Image,
    mesh: NDArray[np.floating],
    gestures: Sequence[Gesture],
    size: int = 480,
) -> Iterator[Image]:
    """Frames of a portrait that carries out gestures.

    Args:
        portrait: ``(H, W, 3) uint8 RGB``, one person who looks at the camera.
        mesh: ``(468, 3)`` face mesh in pixels of the portrait.
        gestures: One per frame; see ``faceswap.demonstration.talking_head.motion.perform``.
        size: Side of the square frames in pixels.

    Yields:
        ``(size, size, 3) uint8 RGB``.
    """
    head = Portrait(portrait, mesh, size)
    for gesture in gestures:
        yield head.render(gesture)


def write_clip(
    sitter: Sitter,
    mesh: NDArray[np.floating],
    path: Path,
    *,
    frames: int = 300,
    seed: int = 0,
    size: int = 480,
    on_frames: Callable[[int], None] = lambda _: None,
) -> None:
    """Writes a video of a portrait that talks, with its voice.

    Args:
        sitter: Whose portrait.
        mesh: ``(468, 3)`` face mesh in pixels of the portrait.
        path: The video; it appears when it is complete.
        frames: Number of frames, 25 a second.
        seed: Another seed gives another performance.
        size: Side of the frames in pixels.
        on_frames: Called with the number of frames written since the last call.

    Raises:
        StorageFullError: The disk is full; nothing is left at ``path``.
    """
    gestures = perform(frames, seed, FPS)
    images = prefetch(animate(sitter.load(), mesh, gestures, size), depth=8)
    with TemporaryDirectory() as folder, closing(images):
        sound = Path(folder) / "voice.m4a"
        write_sound(sound, voice(gestures, seed), SOUND_RATE)
        info = VideoInfo.for_new(size, size, FPS)
        metadata = {"comment": f"Made from one portrait. {sitter.title}: {sitter.source}"}
        with VideoWriter(path, info, audio_from=sound, metadata=metadata) as writer:
            for index, image in enumerate(images):
                writer.write(image, index)
                on_frames(1)


def voice(
    gestures: Sequence[Gesture], seed: int, fps: float = FPS, rate: int = SOUND_RATE
) -> NDArray[np.float32]:
    """A babbling voice that sounds while the mouth is open.

    A row of harmonics is shaped by two formants: the first rises as the mouth opens, as vowels do,
    and the second wanders.

    Args:
        gestures: One per frame.
        seed: Another seed is another voice.
        fps: Frames per second.
        rate: Samples per second.

    Returns:
        ``(N,) float32`` in [-1, 1], as long as the frames.
    """
    random = generator(seed, "voice")
    time = np.arange(round(len(gestures) / fps * rate)) / rate
    frame_times = np.arange(len(gestures)) / fps
    opening = np.maximum(np.interp(time, frame_times, track_of(gestures, "mouth")), 0)
    pitch = random.uniform(165, 235) * np.exp(0.12 * wander(2 * time, random))
    first = 320 + 520 * opening
    second = 1500 + 700 * wander(3 * time, random)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    sound = np.zeros_like(time)
    for harmonic in range(1, 17):
        tone = harmonic * pitch
        gain = np.exp(-(((tone - first) / 180) ** 2)) + 0.4 * np.exp(
            -(((tone - second) / 250) ** 2)
        )
        sound += (gain + 0.05 / harmonic) * np.sin(harmonic * phase)
    loudness = np.minimum(2.5 * opening, 1)
    return (0.35 * loudness * sound).clip(-1, 1).astype(np.float32)
