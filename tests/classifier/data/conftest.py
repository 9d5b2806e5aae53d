"""Generated data sets."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifier.data import LoadedImages, Sample

Picture = Callable[..., Path]


@pytest.fixture
def picture() -> Picture:
    """``picture(path, colour, mode, size)`` writes an image of one colour."""

    def write(
        path: Path,
        colour: object = (200, 10, 30),
        mode: str = "RGB",
        size: tuple[int, int] = (40, 30),
    ) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new(mode, size, colour).save(path)  # pyright: ignore[reportArgumentType]
        return path

    return write


@pytest.fixture
def fill(picture: Picture) -> Callable[..., Path]:
    """``fill(root, cats=3, dogs=2)`` writes class folders."""

    def write(root: Path, **counts: int) -> Path:
        for name, count in counts.items():
            for number in range(count):
                picture(root / name / f"{number:03d}.png")
        return root

    return write


@pytest.fixture
def mask() -> Callable[..., Path]:
    """``mask(path, array)`` writes an index image, ``(H, W)`` or ``(H, W, 3)``."""

    def write(path: Path, values: object) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(values, np.uint8)).save(path)
        return path

    return write


@pytest.fixture
def loaded() -> Callable[..., LoadedImages]:
    """``loaded(count, size)``: noise, labelled with its positions unless labels are given."""

    def make(
        count: int = 22, size: int | tuple[int, int] = 6, labels: object = None, channels: int = 3
    ) -> LoadedImages:
        side = (size, size) if isinstance(size, int) else size
        random = np.random.default_rng(0)
        images = random.integers(0, 256, (count, channels, *side), dtype=np.uint8)
        given = np.arange(count) if labels is None else np.asarray(labels)
        samples = tuple(Sample(Path(f"{number}.png"), -1) for number in range(count))
        return LoadedImages(images, given, samples)

    return make
