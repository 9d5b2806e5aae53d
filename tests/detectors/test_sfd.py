"""S3FD with random weights against the library's own detection with the same weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage import data

from faceswap.core.files import sha256_file
from faceswap.core.weights import WEIGHTS
from faceswap.detectors import build_detector


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights whose scores spread over [0, 1], under the published file name."""
    from face_alignment.detection.sfd.net_s3fd import s3fd

    torch.manual_seed(0)
    net = s3fd()
    for name, parameter in net.named_parameters():
        if parameter.ndim == 4:
            torch.nn.init.kaiming_normal_(parameter, nonlinearity="relu")
            # Scores that saturate have no order, and boxes far from their anchors no meaning.
            parameter.data.mul_(0.02 if "mbox" in name else 1)
    path = tmp_path_factory.mktemp("weights") / WEIGHTS["sfd"].filename
    torch.save(net.state_dict(), path)
    return path


@pytest.fixture
def found_by_resolver(random_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FACESWAP_WEIGHTS", str(random_weights.parent))
    monkeypatch.setenv("FACESWAP_OFFLINE", "1")
    entry = replace(WEIGHTS["sfd"], sha256=sha256_file(random_weights)[:10])
    monkeypatch.setitem(WEIGHTS, "sfd", entry)
    return random_weights


def library_boxes(path: Path, image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N, 5) boxes and scores of the library's detector, highest score first."""
    from face_alignment.detection.sfd import FaceDetector

    rows = FaceDetector("cpu", str(path)).detect_from_image(image)
    return np.array(rows, np.float64).reshape(-1, 5)


def test_same_boxes_as_the_library(found_by_resolver: Path) -> None:
    image = np.ascontiguousarray(data.astronaut()[60:188, 160:320])
    expected = library_boxes(found_by_resolver, image)
    (found,) = build_detector("sfd")([image])
    assert len(found) == len(expected) > 3
    np.testing.assert_allclose([d.score for d in found], expected[:, 4], atol=1e-5)
    # The library's boxes start at the left edge of a pixel, ours at its centre.
    np.testing.assert_allclose([d.box for d in found], expected[:, :4] - 0.5, atol=1e-2)
    assert all(d.points is None and d.box.dtype == np.float32 for d in found)


def test_batches_and_scaled_images(found_by_resolver: Path) -> None:
    detector = build_detector("sfd", max_side=64)
    image = np.ascontiguousarray(data.astronaut()[60:188, 160:288])
    together = detector([image, image[:, :64], image])
    (alone,) = detector([image])
    for found in (together[0], together[2]):
        assert len(found) == len(alone) > 0
        for one, other in zip(found, alone, strict=True):
            np.testing.assert_allclose(one.box, other.box, atol=0.05)
    high = max(float(d.box.max()) for d in alone)
    assert high > 64, "in pixels of the image, not of the scaled one"
