"""Stratified, seeded splits and folds that keep groups together."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from classifier.data.dataset import SPLITS, Dataset, Sample
from faceswap.core.errors import MediaError
from faceswap.core.seeding import generator
from faceswap.core.text import counted


@dataclass(frozen=True)
class _Unit:
    """Samples of one group, or a single sample without a group.

    Attributes:
        members: Positions of the samples.
        counts: ``(classes,) int64`` samples of each class.
    """

    members: tuple[int, ...]
    counts: NDArray[np.int64]


def require_trainable(dataset: Dataset) -> None:
    """Refuse data that can be evaluated but not trained on.

    Raises:
        MediaError: There are no training samples, or fewer than two classes.
    """
    if not dataset.splits.get("train"):
        found = ", ".join(split for split in SPLITS if dataset.splits.get(split)) or "none"
        raise MediaError(
            f"Expected a training split in {dataset.root}, found: {found}.",
            "Name the directory, or the split of the list, that holds the training images train.",
        )
    if dataset.task == "images" and len(dataset.classes) < 2:
        found = next(iter(dataset.classes), "none")
        raise MediaError(
            f"Expected at least two classes in {dataset.root}, found only {found!r}.",
            f"Add images of another class. If the classes are directories in {found}, pass that "
            "directory.",
        )


def split_dataset(dataset: Dataset, fraction: float, seed: int) -> Dataset:
    """Moves a fraction of the training samples to the split "validation", unless there is one.

    The split is stratified: the fraction is met for each class as nearly as the groups allow, with
    at least one sample of each class on both sides. Samples with masks are not stratified.

    Args:
        dataset: Data set; returned unchanged if it has a split "validation".
        fraction: Fraction of the samples for validation, between 0 and 1.
        seed: Random seed.

    Raises:
        MediaError: There are no training samples, fewer than two classes, or a class has only one
            image or one group.
    """
    require_trainable(dataset)
    if dataset.splits.get("validation"):
        return dataset
    samples = dataset.splits["train"]
    units = _shuffled_units(dataset, samples, seed, "split")
    totals = np.sum([unit.counts for unit in units], axis=0)
    wanted = np.clip(np.round(fraction * totals), 1, np.maximum(totals - 1, 1))
    kept = np.zeros_like(totals)
    taken: list[_Unit] = []
    for unit in units:
        nearer = np.abs(kept + unit.counts - wanted).sum() < np.abs(kept - wanted).sum()
        if nearer and _leaves_each(totals - kept - unit.counts, unit.counts):
            kept = kept + unit.counts
            taken.append(unit)
    taken += _one_of_each(units, taken, kept, totals)
    chosen = {position for unit in taken for position in unit.members}
    return _with_splits(dataset, samples, chosen)


def folds(dataset: Dataset, count: int, seed: int) -> list[Dataset]:
    """Folds for cross-validation: each sample is in the validation split of exactly one.

    The splits "train" and "validation" of the data set are pooled; "test" is unchanged. Folds are
    stratified by class as far as the groups allow.

    Args:
        dataset: Data set.
        count: Number of folds, at least 2.
        seed: Random seed.

    Raises:
        MediaError: Fewer than two classes, or a class has fewer images or groups than folds.
    """
    require_trainable(dataset)
    samples = (*dataset.splits["train"], *dataset.splits.get("validation", ()))
    units = _shuffled_units(dataset, samples, seed, "folds")
    holders = np.sum([unit.counts > 0 for unit in units], axis=0)
    for name, number in zip(_class_names(dataset), holders, strict=True):
        if number < count:
            raise MediaError(
                f"{name} has {counted(number, 'image')} or groups, too few for {count} folds.",
                "Reduce --folds, or add images.",
            )
    totals = np.sum([unit.counts for unit in units], axis=0)
    filled = np.zeros((count, len(totals)))
    members: list[set[int]] = [set() for _ in range(count)]
    for unit in units:
        fullness = (filled / totals) @ unit.counts + 1e-6 * filled.sum(1)
        fold = int(fullness.argmin())
        filled[fold] += unit.counts
        members[fold].update(unit.members)
    return [_with_splits(dataset, samples, chosen) for chosen in members]


def _class_names(dataset: Dataset) -> list[str]:
    if dataset.task == "pixels":
        return [f"{dataset.root}"]
    return [f"The class {name!r}" for name in dataset.classes]


def _shuffled_units(
    dataset: Dataset, samples: Sequence[Sample], seed: int, purpose: str
) -> list[_Unit]:
    """Units in random order, large ones first, so that small ones even out the splits."""
    classes = len(_class_names(dataset))
    grouped: dict[str | int, list[int]] = defaultdict(list)
    for position, sample in enumerate(samples):
        grouped[sample.group or position].append(position)
    units = []
    for members in grouped.values():
        labels = [max(samples[position].label, 0) for position in members]
        units.append(_Unit(tuple(members), np.bincount(labels, minlength=classes)))
    _require_two(dataset, units)
    order = generator(seed, purpose).permutation(len(units))
    return sorted((units[place] for place in order), key=lambda unit: -len(unit.members))


def _require_two(dataset: Dataset, units: Sequence[_Unit]) -> None:
    totals = np.sum([unit.counts for unit in units], axis=0)
    holders = np.sum([unit.counts > 0 for unit in units], axis=0)
    for name, total, number in zip(_class_names(dataset), totals, holders, strict=True):
        if number < 2:
            where = (
                f"{total} images, all in one group"
                if total > 1
                else f"{counted(total, 'usable image')}"
            )
            raise MediaError(
                f"{name} has {where}; training and validation need at least one each.",
                "Add images, or remove the class.",
            )


def _leaves_each(left: NDArray[np.int64], counts: NDArray[np.int64]) -> bool:
    """Whether every class in ``counts`` keeps a sample for training."""
    return bool((left[counts > 0] > 0).all())


def _one_of_each(
    units: Sequence[_Unit],
    taken: Sequence[_Unit],
    kept: NDArray[np.int64],
    totals: NDArray[np.int64],
) -> list[_Unit]:
    """Smallest additional units, so that each class has a validation sample."""
    more: list[_Unit] = []
    for label in range(len(totals)):
        have = kept[label] + sum(unit.counts[label] for unit in more)
        if have:
            continue
        used = {unit.members for unit in (*taken, *more)}
        free = [unit for unit in units if unit.counts[label] and unit.members not in used]
        for unit in sorted(free, key=lambda unit: len(unit.members)):
            gone = kept + sum((other.counts for other in more), start=np.zeros_like(kept))
            if _leaves_each(totals - gone - unit.counts, unit.counts):
                more.append(unit)
                break
        else:
            raise MediaError(
                f"No split by groups has class {label} in both training and validation.",
                "Use smaller groups, or provide train/ and val/ yourself.",
            )
    return more


def _with_splits(dataset: Dataset, samples: Sequence[Sample], chosen: set[int]) -> Dataset:
    splits = {
        "train": tuple(s for position, s in enumerate(samples) if position not in chosen),
        "validation": tuple(s for position, s in enumerate(samples) if position in chosen),
    }
    return replace(dataset, splits={**dataset.splits, **splits})
