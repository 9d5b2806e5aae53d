from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from faceswap.media.sound import write_sound
from faceswap.media.video import VideoInfo
from faceswap.media.writer import VideoWriter

RATE = 44_100


def read(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    return np.concatenate(frames)


def tone(seconds: float) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * RATE)) / RATE)


def test_sound_is_written_as_it_is(tmp_path):
    samples = tone(1.0)
    write_sound(tmp_path / "tone.m4a", samples, RATE)
    heard = read(tmp_path / "tone.m4a")
    assert abs(len(heard) - len(samples)) <= 2048  # AAC comes in blocks of 1024
    assert np.sqrt((heard[5000:40_000] ** 2).mean()) - 0.5 / np.sqrt(2) < 0.01
    spectrum = np.abs(np.fft.rfft(heard[:RATE]))
    assert abs(int(spectrum.argmax()) - 440) <= 2
    assert [file.name for file in tmp_path.iterdir()] == ["tone.m4a"]


def test_a_video_carries_it_untouched(tmp_path):
    write_sound(tmp_path / "tone.m4a", tone(0.4), RATE)
    info = VideoInfo.for_new(64, 48, Fraction(25))
    with VideoWriter(tmp_path / "v.mp4", info, audio_from=tmp_path / "tone.m4a") as writer:
        for index in range(10):
            writer.write(np.full((48, 64, 3), 20 * index, np.uint8), index)
    assert writer.notes == []
    np.testing.assert_array_equal(read(tmp_path / "v.mp4"), read(tmp_path / "tone.m4a"))
