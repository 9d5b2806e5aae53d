import gzip
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifier.lessons.images import lenet
from classifier.lessons.material.glyphs import render_glyphs
from faceswap.core.errors import MediaError
from tests.classifier.lessons.drawing import check_figure


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
    assert check_figure(lenet.LESSON, result, "total").subfigs


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
