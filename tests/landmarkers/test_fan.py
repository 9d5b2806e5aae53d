"""FAN against face-alignment's own pipeline, on random weights: nothing is downloaded."""

from pathlib import Path
from typing import Any

import cv2
import face_alignment
import numpy as np
import pytest
import torch
from face_alignment import utils
from face_alignment.models import FAN
from face_alignment.utils import crop, get_preds_fromhm

from faceswap.core.errors import ModelFileError, WeightsUnavailable
from faceswap.core.weights import WEIGHTS
from faceswap.landmarkers import FaceLandmarks, Roi, build_landmarker
from faceswap.landmarkers.fan import FanLandmarker, cut_roi, decode
from tests.random_weights import use_random_fan, write_random_fan

BOXES = [np.array([170.25, 60, 280.75, 190.5]), np.array([-20, 300.5, 90.25, 420.75])]


def region(box) -> Roi:
    return FanLandmarker.roi_from_detection(np.asarray(box, np.float32), None)


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory) -> Path:
    return write_random_fan(tmp_path_factory.mktemp("torch"))


@pytest.fixture
def offline(random_weights, monkeypatch, tmp_path) -> None:
    """Only the hub's cache has FAN weights, and the table takes the random ones for right."""
    use_random_fan(random_weights, monkeypatch)
    monkeypatch.setenv("FACESWAP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FACESWAP_OFFLINE", "1")


@pytest.mark.slow
def test_same_landmarks_as_the_library_but_for_its_rounding(offline, astronaut):
    theirs = face_alignment.FaceAlignment(
        face_alignment.LandmarksType.TWO_D, device="cpu", compile=False, face_detector="folder"
    )
    found: Any = theirs.get_landmarks(
        astronaut, detected_faces=BOXES[:1], return_landmark_score=True
    )
    ours = build_landmarker("fan")(astronaut, [region(box) for box in BOXES[:1]])
    for landmarks, points, peaks in zip(ours, found[0], found[1], strict=True):
        assert landmarks.mesh is None
        # The library cuts off the fraction of points that it counts from the frame's corner.
        np.testing.assert_array_equal(np.trunc(landmarks.points + 0.5), points)
        assert landmarks.presence == pytest.approx(np.clip(peaks.mean() / 1.8, 0, 1), abs=1e-5)
        assert len(np.unique(points, axis=0)) > 20


@pytest.mark.parametrize("box", [*BOXES, np.array([480.0, 480.0, 530.0, 540.0])])
def test_crops_are_the_library_s(astronaut, box):
    roi = region(box)
    np.testing.assert_array_equal(
        cut_roi(astronaut, roi), crop(astronaut, np.array(roi.center), roi.side / 200)
    )


@pytest.mark.parametrize("roi", [Roi((900.0, -700.0), 100.0, 0.0), Roi((100.0, 100.0), 0.5, 0.0)])
def test_regions_outside_the_frame_or_without_pixels_are_cut_too(astronaut, roi):
    assert cut_roi(astronaut, roi).shape == (256, 256, 3)


def test_heatmaps_are_decoded_as_in_the_library(monkeypatch):
    plain = utils._get_preds_fromhm.py_func
    monkeypatch.setattr(utils, "_get_preds_fromhm", plain)  # compiling takes seconds
    heatmaps = np.random.default_rng(0).normal(size=(68, 64, 64)).astype(np.float32)
    heatmaps[0, 0, 30] = heatmaps[1, 63, 63] = heatmaps[2, 20, 20] = 9  # edges are not refined
    expected, _, _ = get_preds_fromhm(heatmaps[None].copy())
    np.testing.assert_allclose(decode(heatmaps), expected[0], atol=1e-5)


def test_points_are_where_the_heatmaps_peak(astronaut):
    class Peak(torch.nn.Module):
        """Finds the brightest pixel of a blurred crop for every landmark."""

        def forward(self, images):
            small = torch.nn.functional.interpolate(images.mean(1, keepdim=True), (64, 64))
            return [small.expand(-1, 68, -1, -1)]

    image = np.zeros((300, 400, 3), np.uint8)
    cv2.circle(image, (220, 130), 9, (255, 255, 255), -1)
    image = np.asarray(cv2.GaussianBlur(image, (0, 0), 6), np.uint8)
    roi = Roi((200.0, 150.0), 160.0, 0.0)
    (found,) = FanLandmarker(Peak())(image, [roi])
    # A heatmap cell is 2.5 px.
    np.testing.assert_allclose(found.points, np.tile([220, 130], (68, 1)), atol=2.5)


def test_region_from_landmarks_is_that_of_their_box():
    points = np.array([[10, 20], *[[30, 30]] * 66, [70, 110]], np.float32)
    roi = FanLandmarker.roi_from_landmarks(FaceLandmarks(points, None, 1.0))
    assert roi.center == pytest.approx((40, 65 - 0.12 * 90))
    assert (roi.side, roi.angle) == (pytest.approx(200 * 150 / 195), 0)


def test_other_weights_are_refused(tmp_path):
    torch.save(FAN(1).state_dict(), tmp_path / "fan1.pth")
    with pytest.raises(ModelFileError, match="2DFAN-4"):
        build_landmarker("fan", weights=tmp_path / "fan1.pth")


def test_without_weights_there_is_an_error_and_no_other_landmarker(tmp_path, monkeypatch):
    for name in ("TORCH_HOME", "FACESWAP_CACHE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("FACESWAP_OFFLINE", "1")
    with pytest.raises(WeightsUnavailable, match="2DFAN4"):
        build_landmarker("fan")


def test_the_published_name_carries_the_hash_as_torch_hub_s_names_do():
    entry = WEIGHTS["fan"]
    assert entry.sha256.startswith(entry.filename.split("-")[1].split(".")[0])
    assert face_alignment.api.models_urls["2DFAN-4"] == entry.origin
