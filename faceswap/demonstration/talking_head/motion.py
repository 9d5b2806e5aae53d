"""Random motion of a talking head: one gesture per frame, smooth and without repetition."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from faceswap.core.seeding import generator

_CYCLES = (0.11, 0.19, 0.31, 0.47, 0.73)
"""Frequencies in Hz without simple ratios, so that their sum does not repeat within a clip."""


@dataclass(frozen=True)
class Gesture:
    """Pose, expression, camera and lighting of one frame. All zeros is the unchanged portrait.

    Attributes:
        yaw: Head yaw in degrees; positive turns to image right.
        pitch: Head pitch in degrees; positive looks up.
        roll: Head roll in degrees; positive is clockwise in the image.
        blink: Eye closure: 0 as in the portrait, 1 closed.
        mouth: Mouth opening: 1 wide open, 0 as in the portrait, -1 lips closed.
        smile: Mouth corners: -1 down to 1 up.
        brow: Eyebrows: -1 down to 1 up.
        gaze: Gaze direction: -1 image left to 1 image right.
        zoom: Natural logarithm of the camera zoom.
        shift_x: Camera shift to image right, in frame widths.
        shift_y: Camera shift down, in frame widths.
        exposure: Natural logarithm of the brightness factor.
        side_light: Direction of additional light: -1 image left to 1 image right.
        warmth: Colour temperature: -1 blue to 1 amber.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    blink: float = 0.0
    mouth: float = 0.0
    smile: float = 0.0
    brow: float = 0.0
    gaze: float = 0.0
    zoom: float = 0.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    exposure: float = 0.0
    side_light: float = 0.0
    warmth: float = 0.0


def generate_gestures(frames: int, seed: int, fps: float = 25.0) -> list[Gesture]:
    """Generate the gestures of a person talking to the camera.

    Args:
        frames: Number of frames.
        seed: Random seed.
        fps: Frames per second; speeds are independent of it.

    Returns:
        One gesture per frame; yaw within 25 degrees, pitch within 11, roll within 9.
    """
    time = np.arange(frames) / fps

    def drift(name: str, amplitude: float, speed: float = 1.0) -> np.ndarray:
        return amplitude * wander(time * speed, generator(seed, "motion", name))

    talk = _speech(time, seed)
    tracks = {
        "yaw": drift("yaw", 25.0, speed=0.8),
        "pitch": drift("pitch", 10.0) + 1.0 * talk,
        "roll": drift("roll", 9.0),
        "blink": np.maximum(_blinks(time, seed), 0.08 + drift("lids", 0.08)),
        "mouth": talk,
        "smile": drift("smile", 0.9, speed=0.8),
        "brow": drift("brow", 0.6, speed=1.2),
        "gaze": drift("gaze", 0.8, speed=1.5),
        "zoom": 0.06 + drift("zoom", 0.07),
        "shift_x": drift("shift x", 0.03),
        "shift_y": drift("shift y", 0.02),
        "exposure": drift("exposure", 0.13, speed=0.5) - 0.09,
        "side_light": drift("side light", 0.8, speed=0.6),
        "warmth": drift("warmth", 0.8, speed=0.5),
    }
    return [
        Gesture(**{name: float(track[index]) for name, track in tracks.items()})
        for index in range(frames)
    ]


def track_of(gestures: Sequence[Gesture], name: str) -> np.ndarray:
    """One attribute of all gestures, ``(N,) float64``."""
    assert name in {field.name for field in fields(Gesture)}, name
    return np.array([getattr(gesture, name) for gesture in gestures], dtype=np.float64)


def wander(time: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Non-repeating random curve in [-1, 1]; slower waves have larger amplitudes."""
    wave = np.zeros_like(time)
    for cycle in _CYCLES:
        frequency = cycle * random.uniform(0.85, 1.15)
        wave += np.sin(2 * np.pi * (frequency * time + random.uniform())) / np.sqrt(cycle)
    spread = np.sqrt(sum(0.5 / cycle for cycle in _CYCLES))
    # A smooth bound without kinks at the extremes.
    return np.tanh(wave / spread)


def _speech(time: np.ndarray, seed: int) -> np.ndarray:
    """Mouth opening, -0.9 to 1: phrases of syllables separated by pauses."""
    random = generator(seed, "motion", "speech")
    # About four syllables per second, at a varying pace.
    pace = 2 * np.pi * (3.1 * time + 0.8 * wander(time, random))
    phrase = 1 / (1 + np.exp(-7 * (wander(2.2 * time, random) + 0.35)))
    loudness = 0.4 + 0.2 * wander(3 * time, random)
    syllables = loudness * (1 - np.cos(pace))
    rest = -0.45 + 0.45 * wander(1.3 * time, random)
    return phrase * np.clip(syllables - 0.2, -0.9, 1.0) + (1 - phrase) * rest


def _blinks(time: np.ndarray, seed: int) -> np.ndarray:
    """Eye closure by blinks, 0 to 1: one every 1.2 to 3.6 seconds, closing faster than opening."""
    random = generator(seed, "motion", "blinks")
    closure = np.zeros_like(time)
    start = random.uniform(0.4, 1.4)
    while time.size and start < time[-1]:
        hold = random.choice([0.04, 0.04, 0.3], p=[0.5, 0.3, 0.2])
        since = time - start
        shape = np.minimum(since / 0.1, (0.1 + hold + 0.17 - since) / 0.17)
        closure = np.maximum(closure, np.clip(shape, 0, 1))
        start += random.uniform(1.2, 3.6)
    return closure * closure * (3 - 2 * closure)
