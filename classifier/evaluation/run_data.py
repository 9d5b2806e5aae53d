"""Data as a run saw them: what it was trained on and what it kept aside."""

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifier.data import (
    SPLITS,
    Dataset,
    Sample,
    open_dataset,
)
from classifier.models.model_file import LoadedClassifier
from classifier.training.settings import Settings
from classifier.training.training_data import class_file, open_data
from faceswap.core.config import load_config, read_yaml
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

    def split_of(self) -> dict[str, str]:
        """Part of each sample, by its name."""
        splits = self.dataset.splits
        return {sample.name: split for split in SPLITS for sample in splits.get(split, ())}

    def choose(self, split: str | None) -> tuple[str, tuple[Sample, ...]]:
        """The samples of a split.

        Args:
            split: "test", "validation", "train" or "all"; None takes the first of "test" and
                "validation" that there is, else all.

        Returns:
            The name of the split and its samples.

        Raises:
            MediaError: There is no such split.
        """
        splits = {name: samples for name, samples in self.dataset.splits.items() if samples}
        if split is None:
            split = next((name for name in ("test", "validation") if name in splits), "all")
        if split == "all":
            return split, self.dataset.samples
        if split not in splits:
            raise MediaError(
                f"{self.dataset.root} has no split {split!r}; it has: {', '.join(splits)}.",
                "Choose another --split. Splits are those of the folders, or of the run on whose "
                "data it was trained.",
            )
        return split, splits[split]


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
        trained = frozenset(sample.name for sample in divided.splits["train"])
        remark = "These are the data of the run, divided as it divided them."
        return KnownData(divided, remark, trained, same=True)
    own = _as_the_run(run.data, run) if run.data.exists() else None
    if own is None:
        remark = f"The run's own data ({run.data}) are not there to compare with."
        return KnownData(dataset, remark)
    remark = "These are not the data of the run, or they changed since."
    return KnownData(dataset, remark, _copies(dataset.samples, own.splits["train"]))


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
