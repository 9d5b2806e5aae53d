"""Data as a run saw them: what it was trained on, what it kept aside, and how it reads images."""

import json
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from classifier.data import (
    IGNORED,
    PARTS,
    Dataset,
    LoadedImages,
    Sample,
    load_images,
    open_dataset,
    pixel_side,
)
from classifier.ingredients import open_data, stored_side
from classifier.modelfile import LoadedClassifier
from classifier.settings import Settings
from faceswap.core.config import find_recipe, load_config, read_yaml
from faceswap.core.errors import ConfigError, MediaError
from faceswap.core.files import read_json, sha256_file

_MATTERS = (
    "seed",
    "data.classes",
    "data.validation",
    "data.group",
    "data.height",
    "data.width",
    "augment.crop",
    "transfer.mode",
)
_CHUNK_BYTES = 512 << 20  # of decoded images held at once


@dataclass(frozen=True)
class RunRecord:
    """What a run's folder says of its data.

    Attributes:
        settings: Those of the training that its data depend on; all others are the defaults.
        data: Where its images were.
        digest: Hash of them.
    """

    settings: Settings
    data: Path
    digest: str


def read_run(folder: Path) -> RunRecord | None:
    """The record of a run, given its folder or the model inside; None for a model that came alone.

    Raises:
        ConfigError: Its settings or its manifest are not ours, or damaged.
    """
    for place in (folder, folder.parent) if folder.name == "model" else (folder,):
        config, manifest = place / "config.yaml", place / "manifest.json"
        if config.is_file() and manifest.is_file():
            try:
                about = read_json(manifest)
                data, digest = Path(about["data"]), str(about["data_sha256"])
            except (ValueError, KeyError, TypeError) as error:
                raise ConfigError(
                    f"{manifest} is not the manifest of a run ({error}).",
                    f"Give {place / 'model'} alone, copied elsewhere.",
                ) from error
            return RunRecord(_data_settings(config), data, digest)
    return None


def _data_settings(path: Path) -> Settings:
    """Only what matters here, so that a run of another version, whose model still fits, is read."""
    stored = read_yaml(path.read_text(encoding="utf-8"), str(path))
    changes = []
    for name in _MATTERS:
        value: Any = stored
        for key in name.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            changes.append(f"{name}={json.dumps(value)}")
    return load_config(Settings, "classifier", None, changes)


@dataclass(frozen=True)
class KnownData:
    """Data, and what of them a network has seen.

    Attributes:
        dataset: Divided as the run divided it, where it is the run's.
        remark: What is known of them, in a sentence.
        trained: Names of the samples it was trained on, as far as that is known.
        same: Whether these are the data of the run.
    """

    dataset: Dataset
    remark: str
    trained: frozenset[str] = frozenset()
    same: bool = False

    def part_of(self) -> dict[str, str]:
        """Part of each sample, by its name."""
        parts = self.dataset.parts
        return {sample.name: part for part in PARTS for sample in parts.get(part, ())}

    def choose(self, part: str | None) -> tuple[str, tuple[Sample, ...]]:
        """The samples of a part.

        Args:
            part: "test", "validation", "train" or "all"; None takes the first of "test" and
                "validation" that there is, else all.

        Returns:
            The part's name and its samples.

        Raises:
            MediaError: There is no such part.
        """
        parts = {name: samples for name, samples in self.dataset.parts.items() if samples}
        if part is None:
            part = next((name for name in ("test", "validation") if name in parts), "all")
        if part == "all":
            return part, self.dataset.samples
        if part not in parts:
            raise MediaError(
                f"{self.dataset.root} has no part {part!r}; it has: {', '.join(parts)}.",
                "Choose another --part. Parts are those of the folders, or of the run on whose "
                "data it was trained.",
            )
        return part, parts[part]


def know_data(path: Path, loaded: LoadedClassifier, run: RunRecord | None) -> KnownData:
    """Opens data and finds out what of them a network was trained on.

    Args:
        path: The data.
        loaded: The network.
        run: Its run, or None when the model came alone.

    Raises:
        MediaError: There are no usable data, or they are for another task.
    """
    dataset = _open(path, run)
    if dataset.task != loaded.built.task:
        raise MediaError(
            f"{path} gives classes to {dataset.task}, the network to {loaded.built.task}.",
            "Choose data of that kind.",
        )
    if run is None:
        return KnownData(dataset, "What the model was trained on is not known: it has no run.")
    divided = _as_the_run(path, run)
    if divided is not None and divided.digest() in {run.digest, loaded.data}:
        trained = frozenset(sample.name for sample in divided.parts["train"])
        remark = "These are the data of the run, divided as it divided them."
        return KnownData(divided, remark, trained, same=True)
    own = _as_the_run(run.data, run) if run.data.exists() else None
    if own is None:
        remark = f"The run's own data ({run.data}) are not there to compare with."
        return KnownData(dataset, remark)
    remark = "These are not the data of the run, or they changed since."
    return KnownData(dataset, remark, _copies(dataset.samples, own.parts["train"]))


def _as_the_run(path: Path, run: RunRecord) -> Dataset | None:
    """Data as the run opened and divided its own; None for others that do not allow that."""
    try:
        return open_data(path, run.settings)
    except (MediaError, ConfigError):
        return None


def _open(path: Path, run: RunRecord | None) -> Dataset:
    """Data as they lie there, with the groups and the names of classes of the run."""
    if run is None:
        return open_dataset(path)
    group, classes = run.settings.data.group, class_file(run.settings)
    dataset = open_dataset(path, "", classes)
    # The run's groups hold for its own data; other files may be named otherwise.
    fits = group and any(re.search(group, sample.path.name) for sample in dataset.samples)
    return open_dataset(path, group, classes) if fits else dataset


def class_file(settings: Settings) -> Path | None:
    """The file that names the classes; a recipe names one beside itself."""
    path = settings.data.classes
    if path is None or path.is_file() or path.is_absolute():
        return path
    beside = find_recipe("classifier", "lenet5").parent / path
    return beside if beside.is_file() else path


def _copies(samples: Sequence[Sample], trained: Sequence[Sample]) -> frozenset[str]:
    """Names of the samples whose very files were trained on, wherever they lie now."""
    by_size: dict[int, list[Sample]] = defaultdict(list)
    for sample in trained:
        by_size[sample.path.stat().st_size].append(sample)
    digests: dict[Path, str] = {}

    def key(sample: Sample) -> tuple[str, int | None]:
        if sample.path not in digests:
            digests[sample.path] = sha256_file(sample.path)
        return digests[sample.path], sample.index

    suspects = [sample for sample in samples if sample.path.stat().st_size in by_size]
    sizes = {sample.path.stat().st_size for sample in suspects}
    known = {key(sample) for size in sizes for sample in by_size[size]}
    return frozenset(sample.name for sample in suspects if key(sample) in known)


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
            void=self.dataset.void,
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
            table[IGNORED] = IGNORED
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
