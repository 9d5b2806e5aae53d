from pathlib import Path

import numpy as np
import pytest
from skimage import data

from faceswap.core.errors import ModelFileError
from faceswap.detectors import build_detector


def test_min_score_is_an_option(shared_weights: Path) -> None:
    astronaut = np.ascontiguousarray(data.astronaut())
    (face,) = build_detector("yunet")([astronaut])[0]
    assert build_detector("yunet", min_score=face.score + 0.01)([astronaut]) == [[]]


def test_opencv_does_not_warn(shared_weights: Path, capfd: pytest.CaptureFixture[str]) -> None:
    build_detector("yunet")([np.zeros((64, 64, 3), np.uint8)])
    assert capfd.readouterr().err == ""


def test_file_that_is_no_network(tmp_path: Path) -> None:
    path = tmp_path / "yunet.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(ModelFileError, match=r"yunet\.onnx"):
        build_detector("yunet", weights=path)
