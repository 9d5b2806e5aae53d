import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from classifier.data import Sample, load_images, loading, open_dataset, pixel_side
from classifier.models.formats import InputFormat
from faceswap.core.errors import MediaError
from faceswap.core.files import name_key

Write = Callable[..., Path]
FORM = InputFormat(8, 3, (0.0,) * 3, (1.0,) * 3)


def spoil(root: Path) -> None:
    (root / "a" / "001.png").write_bytes(b"not an image")
    whole = (root / "b" / "002.png").read_bytes()
    (root / "b" / "002.png").write_bytes(whole[: len(whole) // 2])


def test_unreadable_images_are_skipped_and_reported(tmp_path: Path, fill: Write) -> None:
    fill(tmp_path, a=3, b=3)
    spoil(tmp_path)
    counted: list[int] = []
    samples = open_dataset(tmp_path).samples
    images, skipped = load_images(samples, FORM, on_image=counted.append)
    assert images.labels.tolist() == [0, 0, 1, 1]
    assert images.images.shape == (4, 3, 8, 8)
    assert [sample.path.stem for sample in images.samples] == ["000", "002", "000", "001"]
    assert [path.name for path, _ in skipped] == ["001.png", "002.png"]
    assert skipped[0][1] == "not an image"
    assert sum(counted) == 6


def test_no_usable_images(tmp_path: Path, fill: Write) -> None:
    fill(tmp_path, a=2, b=1)
    samples = open_dataset(tmp_path).samples
    for sample in samples:
        sample.path.write_bytes(b"")
    with pytest.raises(MediaError, match=r"None of the 3 images .*000.png: an empty file"):
        load_images(samples, FORM)
    assert len(load_images([], FORM)[0]) == 0


def test_order_and_side(tmp_path: Path, picture: Write) -> None:
    samples = [
        Sample(picture(tmp_path / f"{number}.png", (number, 0, 0)), number % 3)
        for number in range(200)
    ]
    images, _ = load_images(samples, FORM, side=(4, 6))
    assert images.images.shape == (200, 3, 4, 6)
    assert images.images[:, 0, 0, 0].tolist() == list(range(200))
    assert images.labels.tolist() == [number % 3 for number in range(200)]
    assert images.samples == tuple(samples)


def test_images_without_masks_are_unlabelled(tmp_path: Path, picture: Write) -> None:
    images, _ = load_images([Sample(picture(tmp_path / "x.png"), -1)], FORM, task="pixels")
    assert images.images.shape == (1, 3, 30, 40)
    assert (images.labels == 255).all()


def test_common_side(tmp_path: Path, picture: Write) -> None:
    samples = [Sample(picture(tmp_path / f"{n}.png", size=(40, 30)), -1) for n in range(2)]
    assert pixel_side(samples) == (30, 40)
    assert pixel_side(samples, height=15) == (15, 20)
    assert pixel_side(samples, width=80) == (60, 80)
    assert pixel_side([], 5, 7) == (5, 7)
    samples.append(Sample(picture(tmp_path / "odd.png", size=(50, 30)), -1))
    with pytest.raises(MediaError, match="2 sizes, such as 40x30 and 50x30"):
        pixel_side(samples)


def test_cache_is_reused_until_the_files_change(
    tmp_path: Path, fill: Write, picture: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "data", a=3, b=3)
    spoil(tmp_path / "data")
    samples = open_dataset(tmp_path / "data").samples
    plain, plain_skipped = load_images(samples, FORM)
    cache = tmp_path / "cache"
    load_images(samples, FORM, cache=cache)
    assert not cache.exists()  # small data stay in memory
    monkeypatch.setattr(loading, "MEMORY_LIMIT", 100)
    first, skipped = load_images(samples, FORM, cache=cache)
    assert isinstance(first.images, np.memmap)
    assert np.array_equal(first.images, plain.images)
    assert (first.labels.tolist(), first.samples) == (plain.labels.tolist(), plain.samples)
    assert skipped == plain_skipped
    made = [path for path in cache.iterdir() if path.is_dir()]
    assert len(made) == 1

    def refuse(*_: object) -> None:
        raise AssertionError("decoded again")

    for sample in samples:  # neither changes the content
        sample.path.chmod(0o600)
    (tmp_path / "link").hardlink_to(samples[0].path)
    with monkeypatch.context() as patched:
        patched.setattr(loading, "_decode", refuse)
        again, skipped = load_images(samples, FORM, cache=cache)
    assert np.array_equal(again.images, plain.images)
    assert skipped == plain_skipped
    picture(samples[0].path, (1, 2, 3))
    changed, _ = load_images(samples, FORM, cache=cache)
    assert changed.images[0, :, 0, 0].tolist() == [1, 2, 3]
    (replaced,) = (path for path in cache.iterdir() if path.is_dir())
    assert replaced != made[0]


def test_files_of_equal_size_and_time_that_change_places_are_decoded_again(
    tmp_path: Path, picture: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (picture(tmp_path / f"{n}.png", (n, 2, 3)) for n in range(2))
    samples = [Sample(file, 0) for file in (one, other)]
    for file in (one, other):
        file.write_bytes(file.read_bytes().ljust(1000, b"\0"))
        os.utime(file, (1, 1))
    monkeypatch.setattr(loading, "MEMORY_LIMIT", 100)
    first, _ = load_images(samples, FORM, cache=tmp_path / "cache")
    one.rename(tmp_path / "x")
    other.rename(one)
    (tmp_path / "x").rename(other)
    second, _ = load_images(samples, FORM, cache=tmp_path / "cache")
    assert np.array_equal(second.images, first.images[::-1])
    assert not np.array_equal(first.images[0], first.images[1])


def test_interrupted_cache_is_rebuilt(
    tmp_path: Path, fill: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = open_dataset(fill(tmp_path / "data", a=3, b=3)).samples
    monkeypatch.setattr(loading, "MEMORY_LIMIT", 100)

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_images(samples, FORM, cache=tmp_path / "cache", on_image=stop)
    assert not list((tmp_path / "cache").iterdir())


def test_what_a_killed_process_left_in_the_cache_is_removed(
    tmp_path: Path, fill: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = open_dataset(fill(tmp_path / "data", a=3, b=3)).samples
    monkeypatch.setattr(loading, "MEMORY_LIMIT", 100)
    cache = tmp_path / "cache"
    load_images(samples, FORM, cache=cache)
    (folder,) = cache.iterdir()
    folder.rename(cache / f".tmp-{name_key(folder.name)}-00000000")
    load_images(samples, FORM, cache=cache)
    assert list(cache.iterdir()) == [folder]


def test_masks_are_cached_too(
    tmp_path: Path, picture: Write, mask: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.arange(12).reshape(3, 4) % 3
    samples = [
        Sample(picture(tmp_path / "x.png", size=(4, 3)), -1, mask(tmp_path / "m.png", values))
    ]
    monkeypatch.setattr(loading, "MEMORY_LIMIT", 10)
    for _ in range(2):
        images, _ = load_images(samples, FORM, task="pixels", cache=tmp_path / "cache")
        assert images.labels.tolist() == [values.tolist()]
