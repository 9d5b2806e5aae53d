"""Training and prediction on a CUDA device; run with ``pytest -m gpu``."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from classifier import load_classifier, predict_images
from faceswap.core.documents import read_json

DEVICE = "cuda"
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_an_epoch_is_finite_and_another_resumes(
    classifier: Callable[..., int | str | None], colours: Path, tmp_path: Path, precision: str
) -> None:
    run = tmp_path / "run"
    settings = ("data.batch_size=8", f"device={DEVICE}", f"precision={precision}")
    changes = [word for setting in settings for word in ("--set", setting)]
    for epochs in (1, 2):
        command = ("train", colours, "-o", run, "--model", "lenet5", "--epochs", epochs, *changes)
        assert classifier(*command) == 0
    history = read_json(run / "history.json")
    assert [entry["epoch"] for entry in history] == [1, 2]
    assert np.isfinite([entry["train_loss"] for entry in history]).all()


def test_predictions_equal_those_on_the_cpu(colour_run: Path, colours: Path) -> None:
    paths = sorted((colours / "blue").glob("*.png"))
    images = [np.asarray(Image.open(path).convert("RGB")) for path in paths]
    found = [
        np.stack(list(predict_images(load_classifier(colour_run, device), images)))
        for device in ("cpu", DEVICE)
    ]
    np.testing.assert_allclose(found[0], found[1], atol=2e-2)
    np.testing.assert_array_equal(found[0].argmax(1), found[1].argmax(1))
