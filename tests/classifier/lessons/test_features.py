"""glyphs, lenet, representation, transfer."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifier.lessons import lenet, representation, transfer
from classifier.lessons.glyphs import render_glyphs
from faceswap.core.errors import MediaError


def test_glyphs_are_reproducible_balanced_and_visible() -> None:
    images, labels = render_glyphs(60, seed=3)
    again, _ = render_glyphs(60, seed=3)
    assert np.array_equal(images, again)
    assert not np.array_equal(images, render_glyphs(60, seed=4)[0])
    assert np.bincount(labels).tolist() == [6] * 10
    assert (images.shape, images.dtype) == ((60, 32, 32), np.uint8)
    assert images.max((1, 2)).min() > 80


def test_lenet_learns_digits() -> None:
    result = lenet.compute(images=800, test_images=200, steps=160)
    training, found = result.training, result.activations
    assert training.accuracy > 0.7
    assert [layer.parameters for layer in result.layers] == [156, 0, 2416, 0, 48_120, 10_164, 850]
    assert result.layers[0].shape == (6, 28, 28)
    assert (found.first_maps.shape, found.second_maps.shape) == ((6, 28, 28), (16, 10, 10))
    assert found.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert np.mean(training.losses[-20:]) < 0.5 * np.mean(training.losses[:20])
    assert "61,706 parameters in total" in lenet.describe(result)
    assert lenet.LESSON.figure(result).subfigs


def _write_idx(folder: Path, name: str, count: int, seed: int) -> None:
    images, labels = render_glyphs(count, seed, size=28)
    for kind, array in (("images-idx3", images), ("labels-idx1", labels.astype(np.uint8))):
        head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
        (folder / f"{name}-{kind}-ubyte.gz").write_bytes(gzip.compress(head + array.tobytes()))


def test_lenet_reads_idx_files(tmp_path: Path) -> None:
    _write_idx(tmp_path, "train", 120, 0)
    _write_idx(tmp_path, "t10k", 40, 1)
    training = lenet.compute(data=tmp_path, steps=3).training
    assert (training.source, training.test_images) == (f"120 images of {tmp_path.name}", 40)
    assert training.classes == tuple("0123456789")


def test_segmentation_data_is_rejected(tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
        Image.new("L", (8, 8)).save(tmp_path / name / "a.png")
    with pytest.raises(MediaError):
        lenet.compute(data=tmp_path, steps=1)


def test_training_makes_the_last_features_linearly_separable() -> None:
    result = representation.compute(
        images=800, steps=160, examples=100, test_images=150, map_steps=20
    )
    assert result.trained["F6"] > result.trained["pixels"] + 0.2
    assert result.trained["F6"] > result.untrained["F6"] + 0.2
    assert result.trained["pixels"] == result.untrained["pixels"]
    assert result.widths == {"pixels": 1024, "S2": 1176, "S4": 400, "C5": 120, "F6": 84}
    assert all(points.shape == (150, 2) for points in result.maps.values())
    assert representation.LESSON.figure(result).subfigs


def test_transfer_beats_scratch_with_few_examples() -> None:
    result = transfer.compute(examples=(10,), repeats=1, steps=50, pretraining=250, letters=2000)
    scratch, features, finetune = (result.accuracy[name].mean() for name in transfer.METHODS)
    assert features > scratch + 0.1
    assert finetune > scratch + 0.02
    assert result.chance == pytest.approx(0.1)
    assert len(transfer.describe(result)) == 2
    assert transfer.LESSON.figure(result).axes


@pytest.mark.usefixtures("shared_weights")
def test_transfer_uses_the_published_network_on_own_images(shared_data: Path) -> None:
    result = transfer.compute(data=shared_data / "cats_dogs", examples=(10,), repeats=1, steps=2)
    assert "cats, dogs" in result.summary
    assert result.accuracy["features"].mean() > 0.6
    assert result.shown.shape == (8, 32, 32, 3)
