"""Data of an evaluation, split as in the run of the network, and its overlap with training data."""

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
from classifier.training.build import open_data
from classifier.training.run_directory import RunDirectory
from classifier.training.settings import Settings
from classifier.training.training_data import resolve_class_file
from faceswap.core.config import load_config
from faceswap.core.errors import ConfigError, MediaError
from faceswap.core.files import sha256_file
from faceswap.core.yaml_documents import read_yaml

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
    """Data of a run, as recorded in its folder.

    Attributes:
        settings: Settings of the run on which its data depend; all others are defaults.
        data: Path of the data.
        digest: SHA-256 digest of the data and their splits.
    """

    settings: Settings
    data: Path
    digest: str


def read_run(folder: Path) -> RunRecord | None:
    """Read the record of a run from its folder or from the model folder in it.

    Returns:
        Record; None for a model without its run.

    Raises:
        ConfigError: Invalid settings, or a run of another command.
        TrainingError: The manifest is damaged or of a newer version.
    """
    for place in (folder, folder.parent) if folder.name == "model" else (folder,):
        run = RunDirectory(place)
        if run.config.is_file() and run.manifest.is_file():
            sources = run.read_manifest()["data"].get("images", [])
            if len(sources) != 1:
                raise ConfigError(
                    f"{run.manifest} is not the manifest of a classifier's run.",
                    "Give the output folder of `classifier train`.",
                )
            data, digest = Path(sources[0]["path"]), sources[0]["sha256"]
            return RunRecord(_data_settings(run.config), data, digest)
    return None


def _data_settings(path: Path) -> Settings:
    """Read only the settings used here, so that runs of other versions are readable."""
    stored = read_yaml(path, str(path))
    changes = []
    for name in _MATTERS:
        value: Any = stored
        for key in name.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            changes.append(f"{name}={json.dumps(value)}")
    return load_config(Settings, "classifier", None, changes)


@dataclass(frozen=True)
class EvaluationData:
    """Data set to evaluate a network on, and its overlap with the network's training data.

    Attributes:
        dataset: Data set; split as in the run if it is the run's own data.
        origin: Sentence about the relation to the training data.
        train_names: Names of the training samples of the network that could be identified.
        from_run: True for the data set the run was trained on.
    """

    dataset: Dataset
    origin: str
    train_names: frozenset[str] = frozenset()
    from_run: bool = False

    def split_of(self) -> dict[str, str]:
        """Split of each sample, by sample name."""
        splits = self.dataset.splits
        return {sample.name: split for split in SPLITS for sample in splits.get(split, ())}

    def select(self, split: str | None) -> tuple[str, tuple[Sample, ...]]:
        """Select the samples of a split.

        Args:
            split: "test", "validation", "train" or "all". None selects "test" if it exists, else
                "validation" if it exists, else "all".

        Returns:
            Name of the split and its samples.

        Raises:
            MediaError: The data set has no such split.
        """
        splits = {name: samples for name, samples in self.dataset.splits.items() if samples}
        if split is None:
            split = next((name for name in ("test", "validation") if name in splits), "all")
        if split == "all":
            return split, self.dataset.samples
        if split not in splits:
            raise MediaError(
                f"{self.dataset.root} has no split {split!r}; it has: {', '.join(splits)}.",
                "Choose another --split. Splits come from the data's folders or, for a run's own "
                "data, from the run.",
            )
        return split, splits[split]


def open_evaluation_data(
    path: Path, loaded: LoadedClassifier, run: RunRecord | None
) -> EvaluationData:
    """Open a data set and find the samples that the network was trained on.

    Args:
        path: Path of the data.
        loaded: Network.
        run: Run of the network; None if unknown.

    Raises:
        MediaError: Unusable data, or data of another task.
    """
    dataset = _open(path, run)
    if dataset.task != loaded.built.task:
        raise MediaError(
            f"Expected labels for {loaded.built.task}, found labels for {dataset.task} in {path}.",
            "Choose data for the task of the network.",
        )
    if run is None:
        return EvaluationData(dataset, "The training data of the model are unknown: it has no run.")
    divided = _as_the_run(path, run)
    if divided is not None and divided.digest() in {run.digest, loaded.data}:
        trained = frozenset(sample.name for sample in divided.splits["train"])
        origin = "Data of the run, with the splits of the run."
        return EvaluationData(divided, origin, trained, from_run=True)
    own = _as_the_run(run.data, run) if run.data.exists() else None
    if own is None:
        origin = f"The training data ({run.data}) were not found, so overlap cannot be checked."
        return EvaluationData(dataset, origin)
    origin = "Not the data of the run, or changed since the training."
    return EvaluationData(dataset, origin, _copies(dataset.samples, own.splits["train"]))


def _as_the_run(path: Path, run: RunRecord) -> Dataset | None:
    """Open and split data with the settings of the run; None if they do not fit the data."""
    try:
        return open_data(path, run.settings)
    except (MediaError, ConfigError):
        return None


def _open(path: Path, run: RunRecord | None) -> Dataset:
    """Open data with the groups and class names of the run, but with the data's own splits."""
    if run is None:
        return open_dataset(path)
    group, classes = run.settings.data.group, resolve_class_file(run.settings.data.classes)
    dataset = open_dataset(path, "", classes)
    # The file names of other data may not match the run's group pattern.
    fits = group and any(re.search(group, sample.path.name) for sample in dataset.samples)
    return open_dataset(path, group, classes) if fits else dataset


def _copies(samples: Sequence[Sample], trained: Sequence[Sample]) -> frozenset[str]:
    """Names of the samples whose files are identical to training files, at any path."""
    by_size: dict[int, list[Sample]] = defaultdict(list)
    for sample in trained:
        by_size[sample.path.stat().st_size].append(sample)
    digests: dict[Path, str] = {}

    def key(sample: Sample) -> tuple[str, int | None]:
        if sample.path not in digests:
            digests[sample.path] = sha256_file(sample.path)
        return digests[sample.path], sample.index

    candidates = [sample for sample in samples if sample.path.stat().st_size in by_size]
    sizes = {sample.path.stat().st_size for sample in candidates}
    train_keys = {key(sample) for size in sizes for sample in by_size[size]}
    return frozenset(sample.name for sample in candidates if key(sample) in train_keys)
