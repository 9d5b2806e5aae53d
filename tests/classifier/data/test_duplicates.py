import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from classifier.data import (
    Dataset,
    Sample,
    find_conflicts,
    find_duplicates,
    open_dataset,
    split_dataset,
)
from classifier.data import duplicates as hashing


def scene(seed: int) -> Image.Image:
    """A few smooth shapes without noise, different for every seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((96, 80), Image.Resampling.BICUBIC)


def recompressed(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=25)
    return Image.open(buffer)


CHANGES = {
    "same": lambda image: image,
    "small": lambda image: image.resize((40, 33)),
    "jpeg": recompressed,
    "bright": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "grey": lambda image: image.convert("L"),
}


def saved(folder: Path, images: list[Image.Image]) -> tuple[Sample, ...]:
    folder.mkdir()
    samples = []
    for number, image in enumerate(images):
        image.save(folder / f"{number}.png")
        samples.append(Sample(folder / f"{number}.png", number % 2))
    return tuple(samples)


def test_duplicates_across_splits_are_found(tmp_path: Path) -> None:
    train = saved(tmp_path / "train", [scene(seed) for seed in range(40)])
    copies = [change(scene(place)) for place, change in enumerate(CHANGES.values())]
    others = [scene(seed) for seed in range(100, 120)]
    validation = saved(tmp_path / "val", [*copies, *others])
    test = saved(tmp_path / "test", [scene(7), scene(105), scene(300)])
    (tmp_path / "val" / "24.png").write_bytes(b"damaged")
    splits = {"train": train, "validation": validation, "test": test}
    counted: list[int] = []
    data = Dataset(tmp_path, "images", ("a", "b"), splits)
    found = find_duplicates(data, counted.append)
    expected = [(train[place], validation[place]) for place in range(len(CHANGES))]
    expected += [(train[7], test[0]), (validation[len(CHANGES) + 5], test[1])]
    assert sorted(found, key=lambda pair: pair[1].name) == sorted(
        expected, key=lambda pair: pair[1].name
    )
    assert sum(counted) == len(data.samples)


def test_duplicates_within_a_split_are_not_reported(tmp_path: Path) -> None:
    data = Dataset(tmp_path, "images", ("a", "b"), {"train": saved(tmp_path / "t", [scene(0)] * 3)})
    assert find_duplicates(data) == []


def test_many_equal_hashes_stay_fast(tmp_path: Path) -> None:
    path = tmp_path / "blank.png"
    Image.new("RGB", (8, 8), "white").save(path)
    splits = {
        name: tuple(Sample(path, 0, group=f"{name}{number}") for number in range(count))
        for name, count in (("train", 600), ("validation", 200))
    }
    found = find_duplicates(Dataset(tmp_path, "images", ("a",), splits))
    assert len(found) == 200
    assert {pair[1] for pair in found} == set(splits["validation"])


@pytest.mark.parametrize("limit", [hashing._AT_ONCE, 64])
def test_buckets_find_every_pair(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(hashing, "_AT_ONCE", limit)
    random = np.random.default_rng(0)
    first = random.integers(0, 1 << 63, 300, dtype=np.uint64)
    second = random.integers(0, 1 << 63, 200, dtype=np.uint64)
    for place in range(100):  # some near ones, 1 to 8 bits apart
        bits = random.choice(63, place % 8 + 1, replace=False).astype(np.uint64)
        second[place] = first[place] ^ np.bitwise_or.reduce(np.uint64(1) << bits)
    pairs = hashing._near_hashes(first, second)
    distances = [[(int(a) ^ int(b)).bit_count() for b in second.tolist()] for a in first.tolist()]
    assert pairs.tolist() == np.argwhere(np.array(distances) <= 6).tolist()
    assert len(pairs) >= 75


def test_hashes_differ_for_different_images() -> None:
    scenes = [np.asarray(scene(seed).convert("L").resize((32, 32))) for seed in range(200)]
    for hashes in (hashing.perceptual_hashes, hashing.difference_hashes):
        values = hashes(np.stack(scenes))
        distances = hashing._distance(values[:, None], values)[np.triu_indices(200, 1)]
        assert 26 < distances.mean() < 34
        assert distances.min() > 6


def test_identical_files_with_two_labels(tmp_path: Path) -> None:
    samples = saved(tmp_path / "t", [scene(seed) for seed in range(4)])
    shutil.copy(samples[0].path, tmp_path / "t" / "copy.png")
    shutil.copy(samples[1].path, tmp_path / "t" / "same.png")
    extra = (Sample(tmp_path / "t" / "copy.png", 1), Sample(tmp_path / "t" / "same.png", 1))
    data = Dataset(tmp_path, "images", ("a", "b"), {"train": samples, "validation": extra})
    assert find_conflicts(data) == [(samples[0], extra[0])]


@pytest.mark.parametrize("name", ["chihuahua_muffin", "hymenoptera", "cats_dogs"])
def test_real_photographs_are_not_duplicates(shared_data: Path, name: str) -> None:
    data = split_dataset(open_dataset(shared_data / name), 0.2, seed=0)
    assert find_duplicates(data) == []
    assert find_conflicts(data) == []
