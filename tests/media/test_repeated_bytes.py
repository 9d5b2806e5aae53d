"""Encoders give equal bytes for equal pictures."""

import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch

from faceswap.media.encoder_table import ENCODERS
from faceswap.media.encoders import VideoEncoding
from faceswap.media.video import VideoInfo
from faceswap.media.writer import VideoWriter

FRAMES, SIDE = 24, 480
SOFTWARE = ["libx264", "libx265", "libsvtav1", "libvpx-vp9", "prores_ks", "ffv1"]
ROOT = Path(__file__).resolve().parents[2]


def pictures() -> list[np.ndarray]:
    """Noise of several sizes that moves: ``(H, W, 3) uint8`` each."""
    random = np.random.default_rng(3)
    coarse = cv2.resize(random.integers(0, 256, (40, 40, 3), np.uint8), (2 * SIDE, 2 * SIDE))
    moving = [coarse[3 * n : 3 * n + SIDE, 2 * n : 2 * n + SIDE] for n in range(FRAMES)]
    return [cv2.add(part, random.integers(0, 9, part.shape, np.uint8)) for part in moving]


def encode(path: Path, name: str) -> list[bytes]:
    info = VideoInfo.for_new(SIDE, SIDE, 25)
    with VideoWriter(path, info, encoding=VideoEncoding(name)) as writer:
        for index, picture in enumerate(pictures()):
            writer.write(picture, index * round(1 / (25 * info.time_base)))
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def repeat(folder: str, name: str) -> None:
    first, *others = [encode(Path(folder) / f"{index}.mkv", name) for index in range(3)]
    assert len(first) >= FRAMES
    assert all(other == first for other in others)


@pytest.mark.parametrize("name", SOFTWARE)
def test_equal_pictures_give_equal_bytes(tmp_path, name, monkeypatch):
    if name not in av.codecs_available:
        pytest.skip(f"this build of FFmpeg has no {name}")
    # Large blocks of memory then have contents of before, as in a process that runs for long.
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", str(2**30))
    code = "import sys; from tests.media.test_repeated_bytes import repeat; repeat(*sys.argv[1:])"
    subprocess.run([sys.executable, "-c", code, str(tmp_path), name], check=True, cwd=ROOT)


@pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() != "AVX512", reason="needs a CPU with AVX-512"
)
def test_x264_does_without_avx512():
    assert ENCODERS["libx264"].options["x264-params"] == "asm=avx2"
