import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from classifier.data import load_images, open_dataset
from classifier.data.readers.idx import read_idx
from classifier.models.formats import InputFormat
from faceswap.core.errors import MediaError

GREY = InputFormat(8, 1, (0.0,), (1.0,))


def write_idx(path: Path, values: np.ndarray) -> Path:
    header = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    data = header + values.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def digits(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8), dtype=np.uint8)


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", digits(6))
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", np.array([5, 0, 4, 0, 5, 4]))
    write_idx(tmp_path / "t10k-images-idx3-ubyte", digits(2, 1))
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", np.array([4, 0]))
    return tmp_path


def test_pixels_and_labels_are_exact(mnist: Path) -> None:
    data = open_dataset(mnist)
    assert data.classes == ("0", "4", "5")
    assert [sample.label for sample in data.splits["train"]] == [2, 0, 1, 0, 2, 1]
    assert [sample.label for sample in data.splits["test"]] == [1, 0]
    assert data.samples[3].name.endswith("train-images-idx3-ubyte.gz#3")
    images, skipped = load_images(data.splits["train"][::-1], GREY)
    assert not skipped
    assert np.array_equal(images.images[:, 0], digits(6)[::-1])
    test, _ = load_images(data.splits["test"], GREY)
    assert np.array_equal(test.images[:, 0], digits(2, 1))


def test_single_file_selects_its_pair(mnist: Path) -> None:
    for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        data = open_dataset(mnist / name)
        assert {split: len(samples) for split, samples in data.splits.items()} == {"train": 2}


def test_class_names_of_idx_labels(mnist: Path) -> None:
    (mnist / "classes.txt").write_text("zero\none\ntwo\nthree\nfour\nfive\n")
    assert open_dataset(mnist).classes == ("zero", "four", "five")
    (mnist / "classes.txt").write_text("zero\none\n")
    with pytest.raises(MediaError, match="labels up to 5"):
        open_dataset(mnist)


def test_malformed_files(mnist: Path) -> None:
    path = mnist / "t10k-labels-idx1-ubyte"
    whole = path.read_bytes()
    write_idx(path, np.array([1]))
    with pytest.raises(MediaError, match="has 2 images, but t10k-labels-idx1-ubyte has 1 labels"):
        open_dataset(mnist)
    path.write_bytes(whole[:-1])
    with pytest.raises(MediaError, match="Expected 2 bytes"):
        open_dataset(mnist)
    path.write_bytes(whole[:6])
    with pytest.raises(MediaError, match="incomplete header"):
        open_dataset(mnist)
    path.write_bytes(b"\x00\x00\x0d\x01" + whole[4:])
    with pytest.raises(MediaError, match=r"magic number 00000801; .* starts with 00000d01"):
        open_dataset(mnist)
    path.unlink()
    with pytest.raises(MediaError, match="No labels found"):
        open_dataset(mnist)
    compressed = mnist / "train-labels-idx1-ubyte.gz"
    compressed.write_bytes(compressed.read_bytes()[:20])
    with pytest.raises(MediaError, match="cannot be read"):
        read_idx(compressed, 1)


def test_mnist(shared_data: Path) -> None:
    data = open_dataset(shared_data / "mnist")
    labels = np.array([sample.label for sample in data.splits["train"]])
    assert len(labels) == 60000
    assert np.bincount(labels)[[0, 1, 9]].tolist() == [5923, 6742, 5949]
    assert labels[:5].tolist() == [5, 0, 4, 1, 9]
