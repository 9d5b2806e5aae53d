"""What is learned from: samples, their classes, and the arrays made of them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier.models.network import Task

SPLITS = ("train", "validation", "test")

IGNORE_INDEX = 255
"""Class of a pixel that counts for nothing; also torch's ``ignore_index`` here."""

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class MaskCode:
    """What is written in masks: which value, or which colour, stands for which class.

    Attributes:
        values: Pairs of a value and its class; ``IGNORE_INDEX`` where it counts for nothing.
        colours: Pairs of an RGB colour and its class, for masks in colour; may be empty.
    """

    values: tuple[tuple[int, int], ...]
    colours: tuple[tuple[Colour, int], ...] = ()

    @cached_property
    def table(self) -> NDArray[np.int16]:
        """``(256,) int16`` class of each value, -1 where it is none; 255 counts for nothing."""
        table = np.full(256, -1, np.int16)
        table[IGNORE_INDEX] = IGNORE_INDEX
        for value, label in self.values:
            table[value] = label
        return table


@dataclass(frozen=True)
class Sample:
    """One image and what it shows.

    Attributes:
        path: The image file, or the archive that holds it.
        label: Number of its class; -1 where the mask gives the class of each pixel.
        mask: File with the class of each pixel, or None.
        group: Samples of one group (a person, a video) never lie in two splits.
        index: Position in an archive (idx), or None.
        code: What the values of the mask mean; None where they are class numbers.
    """

    path: Path
    label: int
    mask: Path | None = None
    group: str = ""
    index: int | None = None
    code: MaskCode | None = None

    @property
    def name(self) -> str:
        """The path, with the position in an archive."""
        return str(self.path) if self.index is None else f"{self.path}#{self.index}"


@dataclass(frozen=True)
class Dataset:
    """Samples on disk, in one heap or already divided.

    Attributes:
        root: Folder or file that the user named.
        task: Whether images or pixels have a class.
        classes: Names of the classes; a label is a position here.
        splits: Samples by split ("train", "validation", "test"); a heap that is not divided yet
            is all "train".
        ignore_index: Mask value of unlabelled pixels, or None.
        notes: What was left out when the data were opened, a sentence each, to be shown.
    """

    root: Path
    task: Task
    classes: tuple[str, ...]
    splits: Mapping[str, tuple[Sample, ...]]
    ignore_index: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def samples(self) -> tuple[Sample, ...]:
        """All samples, split by split."""
        return tuple(sample for name in SPLITS for sample in self.splits.get(name, ()))

    def digest(self) -> str:
        """Hash of names, sizes, labels and splits; changes when the data do."""
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
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def _short(self, sample: Sample) -> str:
        base = self.root if self.root.is_dir() else self.root.parent
        path = sample.path
        return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.as_posix()


@dataclass(frozen=True)
class LoadedImages:
    """Decoded images, in memory or mapped from a file.

    Attributes:
        images: ``(N, C, H, W) uint8``, RGB or grey.
        labels: ``(N,) int64``, or ``(N, H, W) uint8`` class of each pixel
            (``IGNORE_INDEX`` where it is unlabelled).
        samples: What each image is.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | NDArray[np.uint8]
    samples: tuple[Sample, ...]

    def __len__(self) -> int:
        return len(self.samples)

    def subset(self, chosen: Sequence[int] | NDArray[np.int64]) -> "LoadedImages":
        """A copy of some of them, in the order given."""
        return LoadedImages(
            self.images[chosen],
            self.labels[chosen],
            tuple(self.samples[position] for position in chosen),
        )
