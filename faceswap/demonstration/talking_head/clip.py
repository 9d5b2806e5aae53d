"""Renders talking-head clips with a voice from single portraits."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import cbook
from numpy.typing import NDArray
from skimage import data

from faceswap.core.errors import NoFacesError
from faceswap.core.prefetch import prefetch
from faceswap.core.scratch import scratch_folder
from faceswap.core.seeding import generator
from faceswap.demonstration.talking_head.motion import Gesture, generate_gestures, track_of, wander
from faceswap.demonstration.talking_head.portrait import Portrait
from faceswap.media.frame import Image
from faceswap.media.images import read_image
from faceswap.media.sound import write_sound
from faceswap.media.video import VideoInfo
from faceswap.media.writer import VideoWriter
from faceswap.tracking.finder import build_tracker

FPS = 25
SOUND_RATE = 44_100


@dataclass(frozen=True)
class DemoIdentity:
    """An identity of the demo, whose portrait ships with an installed library.

    Attributes:
        name: Name of the identity, also used for files.
        title: Full name.
        source: Origin and licence of the portrait.
        load: Function that returns the portrait, ``(H, W, 3) uint8 RGB``.
    """

    name: str
    title: str
    source: str
    load: Callable[[], Image]


def _collins() -> Image:
    return np.asarray(data.astronaut(), np.uint8)


def _hopper() -> Image:
    return read_image(Path(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))


DEMO_IDENTITIES = (
    DemoIdentity(
        "collins", "Eileen Collins", "NASA, public domain (scikit-image's astronaut)", _collins
    ),
    DemoIdentity(
        "hopper", "Grace Hopper", "US Navy, public domain (matplotlib's grace_hopper)", _hopper
    ),
)


def clip_seed(person: DemoIdentity, seed: int) -> int:
    """Random seed of the clip of an identity; differs between the identities of one demo."""
    return 2 * seed + [p.name for p in DEMO_IDENTITIES].index(person.name)


def find_mesh(person: DemoIdentity, device: str) -> NDArray[np.float32]:
    """Face mesh of a portrait, ``(478, 3)`` in its pixels.

    Args:
        person: Identity with the portrait.
        device: Device of the networks.

    Raises:
        NoFacesError: No face is found.
    """
    faces = build_tracker(device=device).find_faces(person.load())
    if not faces:
        raise NoFacesError(
            f"No face was found in the portrait of {person.title}.",
            "Run `faceswap doctor`: the detector or its weights may be broken.",
        )
    return faces[0].landmarks.dense_mesh()


def animate(
    portrait: Image,
    mesh: NDArray[np.floating],
    gestures: Sequence[Gesture],
    size: int = 480,
) -> Iterator[Image]:
    """Render a portrait with the given gestures.

    Args:
        portrait: Portrait, ``(H, W, 3) uint8 RGB``, one person facing the camera.
        mesh: Face mesh, ``(478, 3)`` in pixels of the portrait.
        gestures: Gesture of each frame, for example from ``generate_gestures``.
        size: Side of the square frames in pixels.

    Yields:
        ``(size, size, 3) uint8 RGB``.
    """
    head = Portrait(portrait, mesh, size)
    for gesture in gestures:
        yield head.render(gesture)


def write_clip(
    person: DemoIdentity,
    mesh: NDArray[np.floating],
    path: Path,
    *,
    frames: int = 300,
    seed: int = 0,
    size: int = 480,
    on_frames: Callable[[int], None] = lambda _: None,
) -> None:
    """Write a video of a talking portrait with a synthetic voice.

    Args:
        person: Identity to animate.
        mesh: Face mesh, ``(478, 3)`` in pixels of the portrait.
        path: Output video; created when complete.
        frames: Number of frames, at 25 frames per second.
        seed: Random seed of motion and voice.
        size: Side of the square frames in pixels.
        on_frames: Callback with the number of frames written since the last call.

    Raises:
        StorageFullError: The disk is full; ``path`` is not created.
    """
    gestures = generate_gestures(frames, seed, FPS)
    images = prefetch(animate(person.load(), mesh, gestures, size), depth=8)
    with scratch_folder() as folder, closing(images):
        sound = folder / "voice.m4a"
        write_sound(sound, voice(gestures, seed), SOUND_RATE)
        info = VideoInfo.for_new(size, size, FPS)
        metadata = {"comment": f"Made from one portrait. {person.title}: {person.source}"}
        with VideoWriter(path, info, audio_from=sound, metadata=metadata) as writer:
            for index, image in enumerate(images):
                writer.write(image, index)
                on_frames(1)


def voice(
    gestures: Sequence[Gesture], seed: int, fps: float = FPS, rate: int = SOUND_RATE
) -> NDArray[np.float32]:
    """Synthesise a babbling voice that is audible while the mouth is open.

    A harmonic series is shaped by two formants: the first rises with mouth opening, as in vowels,
    and the second varies randomly.

    Args:
        gestures: Gesture of each frame.
        seed: Random seed of the voice.
        fps: Frames per second.
        rate: Sample rate in Hz.

    Returns:
        Mono samples, ``(N,) float32`` in [-1, 1], with the duration of the frames.
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


def mixed_voices(frames: int, seeds: Sequence[int]) -> NDArray[np.float32]:
    """Mean of the voices of several clips, ``(N,) float32`` in [-1, 1].

    Args:
        frames: Number of frames of each clip.
        seeds: Random seed of each clip.
    """
    voices = [voice(generate_gestures(frames, seed, FPS), seed) for seed in seeds]
    return np.mean(voices, axis=0)
