"""What every landmarker promises, and that nothing depends on one of them."""

import ast
from pathlib import Path

import numpy as np
import pytest

import faceswap
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.landmarkers import FaceLandmarks, landmarkers
from faceswap.landmarkers.facemesh import FaceMesh
from faceswap.landmarkers.fan import FanLandmarker

PACKAGE = Path(faceswap.__file__).parent
BACKENDS = {f"faceswap.landmarkers.{name}" for name in landmarkers.names()}


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def test_nothing_outside_the_package_imports_one_landmarker():
    for path in PACKAGE.rglob("*.py"):
        if path.parent.name != "landmarkers":
            assert not imported(path) & BACKENDS, path


@pytest.mark.parametrize("landmarker", [FaceMesh, FanLandmarker])
def test_regions_move_and_grow_with_the_face(landmarker):
    box = np.array([10, 20, 60, 80], np.float32)
    points = (50 * MEAN_FACE[:, :2] + [35, 50]).astype(np.float32)
    regions = []
    for scale, shift in ((1, 0), (2, 30)):
        landmarks = FaceLandmarks(scale * points + np.float32(shift), None, 1.0)
        eyes = scale * np.array([[20, 40], [50, 40]], np.float32) + np.float32(shift)
        regions.append(
            (
                landmarker.roi_from_detection(scale * box + np.float32(shift), eyes),
                landmarker.roi_from_landmarks(landmarks),
            )
        )
    for here, there in zip(*regions, strict=True):
        assert there.center == pytest.approx([2 * v + 30 for v in here.center], abs=1e-3)
        assert there.side == pytest.approx(2 * here.side, rel=1e-4)
        assert there.angle == pytest.approx(here.angle, abs=0.01)
