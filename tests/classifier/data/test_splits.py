from collections import Counter
from pathlib import Path

import pytest

from classifier.data import Dataset, Sample, folds, split_dataset
from faceswap.core.errors import MediaError


def make(counts: dict[str, int], groups: int = 0, task: str = "images") -> Dataset:
    samples = [
        Sample(
            Path(f"{name}{number}.png"),
            label if task == "images" else -1,
            group=f"g{number % groups}" if groups else "",
        )
        for label, (name, count) in enumerate(counts.items())
        for number in range(count)
    ]
    return Dataset(Path("data"), task, tuple(counts), {"train": tuple(samples)})  # type: ignore[arg-type]


def labels(samples: tuple[Sample, ...]) -> dict[int, int]:
    return dict(Counter(sample.label for sample in samples))


def names(samples: tuple[Sample, ...]) -> list[str]:
    return [sample.path.name for sample in samples]


def test_stratified_seeded_and_disjoint() -> None:
    data = make({"a": 40, "b": 10, "c": 2})
    split = split_dataset(data, 0.2, seed=3)
    train, kept = split.splits["train"], split.splits["validation"]
    assert sorted(names((*train, *kept))) == sorted(names(data.samples))
    assert labels(kept) == {0: 8, 1: 2, 2: 1}
    assert names(split_dataset(data, 0.2, seed=3).splits["validation"]) == names(kept)
    assert names(split_dataset(data, 0.2, seed=4).splits["validation"]) != names(kept)
    assert names(train) == [name for name in names(data.samples) if name not in names(kept)]


def test_given_splits_are_kept() -> None:
    split = split_dataset(make({"a": 4, "b": 4}), 0.5, seed=0)
    assert split_dataset(split, 0.1, seed=1) is split


def test_too_few_samples_to_split() -> None:
    with pytest.raises(MediaError, match="'b' has 1 usable"):
        split_dataset(make({"a": 2, "b": 1}), 0.5, seed=0)
    with pytest.raises(MediaError, match="'a' has 3 images, all in one group"):
        split_dataset(make({"a": 3, "b": 3}, groups=1), 0.5, seed=0)


@pytest.mark.parametrize("seed", range(5))
def test_groups_stay_together(seed: int) -> None:
    data = make({"a": 60, "b": 30}, groups=10)
    split = split_dataset(data, 0.2, seed)
    train, kept = ({s.group for s in split.splits[name]} for name in ("train", "validation"))
    assert not train & kept
    assert labels(split.splits["validation"]) == {0: 12, 1: 6}


def test_every_class_is_in_both_splits_despite_groups() -> None:
    # A large group of both classes, and small ones of one class each.
    sizes = {("x", 0): 30, ("x", 1): 30, ("y", 0): 2, ("z", 1): 2}
    samples = tuple(
        Sample(Path(f"{group}{label}{number}.png"), label, group=group)
        for (group, label), count in sizes.items()
        for number in range(count)
    )
    data = Dataset(Path("data"), "images", ("a", "b"), {"train": samples})
    for seed in range(5):
        split = split_dataset(data, 0.2, seed)
        assert labels(split.splits["train"]) == {0: 30, 1: 30}
        assert labels(split.splits["validation"]) == {0: 2, 1: 2}


def test_segmentation_data_are_split_by_group() -> None:
    data = make({"frames": 50}, groups=10, task="pixels")
    split = split_dataset(data, 0.3, seed=0)
    assert len(split.splits["validation"]) == 15
    assert len({sample.group for sample in split.splits["validation"]}) == 3


def test_each_sample_is_validated_in_one_fold() -> None:
    data = make({"a": 23, "b": 10})
    splits = folds(data, 5, seed=1)
    kept = [fold.splits["validation"] for fold in splits]
    assert sorted(name for split in kept for name in names(split)) == sorted(names(data.samples))
    assert sorted(labels(split)[0] for split in kept) == [4, 4, 5, 5, 5]
    assert [labels(split)[1] for split in kept] == [2] * 5
    for fold in splits:
        assert not set(fold.splits["train"]) & set(fold.splits["validation"])
        assert len(fold.samples) == 33
    assert [names(split) for split in kept] == [
        names(fold.splits["validation"]) for fold in folds(data, 5, seed=1)
    ]


def test_folds_of_groups() -> None:
    data = make({"a": 40, "b": 20}, groups=8)
    kept = [fold.splits["validation"] for fold in folds(data, 4, seed=0)]
    groups = [{sample.group for sample in split} for split in kept]
    assert sorted(group for split in groups for group in split) == [f"g{n}" for n in range(8)]
    with pytest.raises(MediaError, match=r"has 8 image.* too few for 9 folds"):
        folds(data, 9, seed=0)


def test_folds_exclude_the_test_split() -> None:
    data = make({"a": 4, "b": 4})
    test = (Sample(Path("t.png"), 0),)
    given = Dataset(
        data.root,
        data.task,
        data.classes,
        {"train": data.samples[:5], "validation": data.samples[5:], "test": test},
    )
    for fold in folds(given, 2, seed=0):
        assert fold.splits["test"] == test
        assert len(fold.splits["train"]) == len(fold.splits["validation"]) == 4
