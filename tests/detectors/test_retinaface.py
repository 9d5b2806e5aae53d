from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data

from faceswap.core.errors import ModelFileError
from faceswap.core.weights import load_torch_archive, weights_path
from faceswap.detectors import build_detector
from faceswap.detectors.retinaface import RetinaFace, RetinaFaceNet, anchors


def test_published_tensors_are_those_of_the_network(shared_weights: Path) -> None:
    published = load_torch_archive(weights_path("retinaface"))
    shapes = {name: tensor.shape for name, tensor in RetinaFaceNet().state_dict().items()}
    assert shapes == {name: tensor.shape for name, tensor in published.items()}


def test_one_output_per_anchor() -> None:
    with torch.inference_mode():
        logits, boxes, points = RetinaFaceNet().eval()(torch.zeros(2, 3, 100, 130))
    count = 2 * (13 * 17 + 7 * 9 + 4 * 5)
    assert logits.shape == (2, count, 2)
    assert boxes.shape == (2, count, 4)
    assert points.shape == (2, count, 10)
    assert anchors(100, 130).shape == (count, 3)


def test_anchors_are_centred_on_their_cells() -> None:
    rows = anchors(64, 96)
    assert rows[:3].tolist() == [[4, 4, 10], [4, 4, 20], [12, 4, 10]]
    assert rows[-1].tolist() == [80, 48, 256]


def test_untrained_network_runs() -> None:
    torch.manual_seed(0)
    detector = RetinaFace(RetinaFaceNet(), min_score=0.0)
    (found,) = detector([np.zeros((40, 50, 3), np.uint8)])
    assert found
    scores = [detection.score for detection in found]
    assert scores == sorted(scores, reverse=True)
    assert detector([]) == []


def test_min_score_is_an_option(shared_weights: Path) -> None:
    astronaut = np.ascontiguousarray(data.astronaut())
    assert build_detector("retinaface", min_score=1.0)([astronaut]) == [[]]


def test_weights_of_another_network(tmp_path: Path) -> None:
    torch.save({"conv.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ModelFileError, match="those of another network"):
        build_detector("retinaface", weights=tmp_path / "other.pth")
