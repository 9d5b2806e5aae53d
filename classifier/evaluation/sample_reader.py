"""Reads samples as input of a network."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from classifier.data import IGNORE_INDEX, Dataset, LoadedImages, Sample, load_images, pixel_side
from classifier.evaluation.run_data import RunRecord
from classifier.models.model_file import LoadedClassifier
from classifier.training.build import stored_side
from faceswap.core.errors import MediaError

_CHUNK_BYTES = 512 << 20  # decoded images in memory at once


@dataclass
class SampleReader:
    """Reads samples as input of a network, with labels in the network's class order.

    Attributes:
        loaded: Network.
        dataset: Data set of the samples; its classes must be classes of the network.
        run: Run of the network; None if unknown.
        skipped: Unreadable files so far, with reasons.
    """

    loaded: LoadedClassifier
    dataset: Dataset
    run: RunRecord | None
    skipped: list[tuple[Path, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        unknown = [name for name in self.dataset.classes if name not in self.loaded.classes]
        if unknown:
            raise MediaError(
                f"{self.dataset.root} has classes that are not classes of the network: "
                f"{', '.join(unknown)}.",
                f"Classes of the network: {', '.join(self.loaded.classes)}.",
            )
        side = read_side(self.loaded, self.run, self.dataset)
        assert side is not None, "a data set of several sizes raises an error before"
        self.side = side

    def read(
        self, samples: Sequence[Sample], on_image: Callable[[int], None] = lambda _: None
    ) -> LoadedImages:
        """Read samples that fit in memory at once; unreadable ones are added to ``skipped``."""
        data, skipped = load_images(
            samples,
            self.loaded.input,
            task=self.loaded.built.task,
            side=self.side,
            ignore_index=self.dataset.ignore_index,
            on_image=on_image,
        )
        self.skipped += skipped
        return replace(data, labels=self._relabel(data.labels))

    def chunks(
        self, samples: Sequence[Sample], on_image: Callable[[int], None] = lambda _: None
    ) -> Iterator[LoadedImages]:
        """Read any number of samples in chunks of at most 512 MiB."""
        step = max(1, _CHUNK_BYTES // (self.loaded.input.channels * math.prod(self.side)))
        for first in range(0, len(samples), step):
            yield self.read(samples[first : first + step], on_image)

    def _relabel(self, labels: np.ndarray) -> np.ndarray:
        """Map labels from the data set's class order to the network's."""
        if self.dataset.classes == self.loaded.classes:
            return labels
        table = np.arange(256 if labels.dtype == np.uint8 else len(self.dataset.classes))
        order = [self.loaded.classes.index(name) for name in self.dataset.classes]
        table[: len(order)] = order
        if labels.dtype == np.uint8:
            table[IGNORE_INDEX] = IGNORE_INDEX
        return table.astype(labels.dtype)[labels]


def read_side(
    loaded: LoadedClassifier, run: RunRecord | None, dataset: Dataset | None = None
) -> tuple[int, int] | None:
    """Height and width that images are resized to, before the centre crop of image classifiers.

    Args:
        loaded: Network.
        run: Run of the network; its images may have been stored larger than the network's input.
        dataset: Data set whose common image size is used by a segmentation network without a
            fixed input size.

    Returns:
        Height and width; None for a segmentation network without a fixed input size if no data
        set is given.
    """
    if loaded.built.task == "images":
        empty = Dataset(Path(), "images", loaded.classes, {})
        larger = stored_side(loaded.built, run.settings, empty) if run else None
        return larger or (loaded.input.size, loaded.input.size)
    if loaded.side is not None or dataset is None:
        return loaded.side
    return pixel_side(dataset.samples)
