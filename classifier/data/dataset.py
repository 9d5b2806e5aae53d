"""Data sets: samples on disk, their classes, and decoded images."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier.models.network import Task
from faceswap.core.text import readable_name

SPLITS = ("train", "validation", "test")

IGNORE_INDEX = 255
"""Label of unlabelled pixels, passed to torch as ``ignore_index``."""

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class MaskCode:
    """Encoding of masks: the class of each value, or of each colour.

    Attributes:
        values: Pairs of a value and its class, ``IGNORE_INDEX`` for unlabelled pixels.
        colours: Pairs of an RGB colour and its class, for colour masks; may be empty.
    """

    values: tuple[tuple[int, int], ...]
    colours: tuple[tuple[Colour, int], ...] = ()

    @cached_property
    def table(self) -> NDArray[np.int16]:
        """``(256,) int16`` class of each value, -1 for undefined values."""
        table = np.full(256, -1, np.int16)
        table[IGNORE_INDEX] = IGNORE_INDEX
        for value, label in self.values:
            table[value] = label
        return table


@dataclass(frozen=True)
class Sample:
    """One image with its label or mask.

    Attributes:
        path: Image file, or archive that contains the image.
        label: Class index; -1 if a mask gives the class of each pixel.
        mask: Mask file, or None.
        group: Group (a person, a video) that stays in one split; empty for none.
        index: Position in an idx archive, or row of a Parquet file that holds images; or None.
        column: Column of the Parquet file that holds the image, or empty.
        code: Encoding of the mask; None if its values are class indices.
    """

    path: Path
    label: int
    mask: Path | None = None
    group: str = ""
    index: int | None = None
    column: str = ""
    code: MaskCode | None = None

    @property
    def name(self) -> str:
        """Path, with the position in an archive as ``PATH#INDEX``; it can always be encoded."""
        path = readable_name(self.path)
        return path if self.index is None else f"{path}#{self.index}"


@dataclass(frozen=True)
class Dataset:
    """Samples on disk, by split.

    Attributes:
        root: Directory or file passed by the user.
        task: "images" (one class per image) or "pixels" (one class per pixel).
        classes: Class names, by class index.
        splits: Samples by split ("train", "validation", "test"). Data without splits are all
            "train".
        ignore_index: Mask value of unlabelled pixels, or None.
        notes: Messages for the user about skipped files, one sentence each.
    """

    root: Path
    task: Task
    classes: tuple[str, ...]
    splits: Mapping[str, tuple[Sample, ...]]
    ignore_index: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def samples(self) -> tuple[Sample, ...]:
        """All samples, in the order of ``SPLITS``."""
        return tuple(sample for name in SPLITS for sample in self.splits.get(name, ()))

    def digest(self) -> str:
        """SHA-256 of file names, sizes, labels and splits."""
        sizes: dict[Path, int] = {}
        lines = [
            ",".join(self.classes),
            *sorted(map(repr, {sample.code for sample in self.samples})),
        ]
        for split in SPLITS:
            for sample in self.splits.get(split, ()):
                files = [sample.path, *([sample.mask] if sample.mask else [])]
                for file in files:
                    if file not in sizes:
                        sizes[file] = file.stat().st_size
                size = sum(sizes[file] for file in files)
                lines.append(f"{split} {self._short(sample)} {size} {sample.label} {sample.group}")
        return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()

    def _short(self, sample: Sample) -> str:
        base = self.root if self.root.is_dir() else self.root.parent
        path = sample.path
        return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.as_posix()


@dataclass(frozen=True)
class LoadedImages:
    """Decoded images, in memory or memory-mapped.

    Attributes:
        images: ``(N, C, H, W) uint8``, RGB or grey.
        labels: ``(N,) int64``, or ``(N, H, W) uint8`` class of each pixel
            (``IGNORE_INDEX`` where it is unlabelled).
        samples: ``(N,)`` sample of each image.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | NDArray[np.uint8]
    samples: tuple[Sample, ...]

    def __len__(self) -> int:
        return len(self.samples)
