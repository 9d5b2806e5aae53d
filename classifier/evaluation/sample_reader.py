"""Reads samples as a network takes them."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from classifier.data import IGNORE_INDEX, Dataset, LoadedImages, Sample, load_images, pixel_side
from classifier.evaluation.run_data import RunRecord
from classifier.models.model_file import LoadedClassifier
from classifier.training.training_data import stored_side
from faceswap.core.errors import MediaError

_CHUNK_BYTES = 512 << 20  # of decoded images held at once


@dataclass
class SampleReader:
    """Reads samples as a network takes them, a part at a time.

    Attributes:
        loaded: The network.
        dataset: Where the samples are from; its classes are brought into the network's order.
        run: The network's run, or None.
        skipped: Files that could not be read so far, with reasons.
    """

    loaded: LoadedClassifier
    dataset: Dataset
    run: RunRecord | None
    skipped: list[tuple[Path, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        unknown = [name for name in self.dataset.classes if name not in self.loaded.classes]
        if unknown:
            raise MediaError(
                f"{self.dataset.root} has classes that the network does not know: "
                f"{', '.join(unknown)}.",
                f"It knows: {', '.join(self.loaded.classes)}.",
            )
        side = read_side(self.loaded, self.run, self.dataset)
        assert side is not None, "a data set has a common size, or there is an error"
        self.side = side

    def read(
        self, samples: Sequence[Sample], on_image: Callable[[int], None] = lambda _: None
    ) -> LoadedImages:
        """Samples that fit into memory at once; what cannot be read is left out and noted."""
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
        """Any number of samples, some hundred megabytes at a time."""
        step = max(1, _CHUNK_BYTES // (self.loaded.input.channels * math.prod(self.side)))
        for first in range(0, len(samples), step):
            yield self.read(samples[first : first + step], on_image)

    def _relabel(self, labels: np.ndarray) -> np.ndarray:
        """The network's number of each class, which may come in another order."""
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
    """Height and width that images are scaled to; of whole images the network sees the middle.

    Args:
        loaded: The network.
        run: Its run, which may have kept images a little larger than the network sees them.
        dataset: Where masks were not scaled, all images of it must have one size.

    Returns:
        The sides; None for pixels at whatever size an image has, where no dataset is given.
    """
    if loaded.built.task == "images":
        nothing = Dataset(Path(), "images", loaded.classes, {})
        larger = stored_side(loaded.built, run.settings, nothing) if run else None
        return larger or (loaded.input.size, loaded.input.size)
    if loaded.side is not None or dataset is None:
        return loaded.side
    return pixel_side(dataset.samples)
