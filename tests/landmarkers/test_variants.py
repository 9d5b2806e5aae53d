"""Re-feed and normalisation of contrast, around any landmarker."""

import cv2
import numpy as np
import pytest

from faceswap.core.errors import ConfigError
from faceswap.landmarkers import FaceLandmarks, Roi, build_landmarker
from faceswap.landmarkers.averaging import AveragingLandmarker
from faceswap.landmarkers.normalising import NORMALISATIONS, NormalisingLandmarker
from tests.landmarkers.astronaut import ROI


class Corners:
    """A landmarker that answers with the corners of its region, and notes what it was given."""

    weights: tuple[str, ...] = ("corners",)
    upright: bool = False
    min_presence: float = 0.5
    confirm_presence: float = 0.9

    def __init__(self, upright=False, mesh=True):
        self.upright, self.mesh = upright, mesh
        self.calls = []

    def __call__(self, image, rois):
        self.calls.append((image, list(rois)))
        return [self._landmarks(roi) for roi in rois]

    def _landmarks(self, roi):
        points = np.tile(np.array(roi.center, np.float32), (68, 1))
        points[0] += roi.side
        mesh = np.zeros((478, 3), np.float32)
        mesh[:68, :2] = points
        mesh[:, 2] = 7
        return FaceLandmarks(points, mesh if self.mesh else None, 0.8)

    def roi_from_detection(self, box, points):
        return Roi((0, 0), 1, 0)

    def roi_from_landmarks(self, landmarks):
        return Roi((0, 0), 1, 0)


FRAME = np.random.default_rng(0).integers(40, 90, (120, 160, 3), dtype=np.uint8)


@pytest.mark.parametrize("count", [2, 3, 5, 9])
@pytest.mark.parametrize("upright", [True, False])
def test_variants_are_small_and_their_mean_is_the_region(count, upright):
    inner = Corners(upright)
    rois = [Roi((60, 50), 40, 0), Roi((90, 70), 20, 0)]
    found = AveragingLandmarker(inner, count)(FRAME, rois)
    ((_, given),) = inner.calls  # one batch
    assert len(found) == 2
    for roi, variants in zip(rois, (given[:count], given[count:]), strict=True):
        assert variants[0] == roi
        assert len(set(variants)) == count
        centers, sides = np.array([v.center for v in variants]), [v.side for v in variants]
        assert np.abs(centers - roi.center).max() < 0.05 * roi.side
        assert np.abs(np.array(sides) / roi.side - 1).max() < 0.05
        assert max(abs(v.angle) for v in variants) < (1e-9 if upright else 5)
        if count > 3:
            assert centers.mean(axis=0) == pytest.approx(roi.center, abs=1e-6)
            assert np.mean(sides) == pytest.approx(roi.side, rel=1e-6)
    np.testing.assert_allclose(
        found[0].points[1], np.mean([v.center for v in given[:count]], axis=0), rtol=1e-6
    )
    assert found[0].dense_mesh()[0, 2] == 7
    assert found[0].presence == pytest.approx(0.8)


def test_landmarks_without_a_mesh_are_averaged_too():
    found = AveragingLandmarker(Corners(mesh=False), 5)(FRAME, [Roi((60, 50), 40, 0)])
    assert found[0].mesh is None
    assert found[0].points[5] == pytest.approx([60, 50], abs=1e-4)


@pytest.mark.parametrize("name", NORMALISATIONS)
def test_surroundings_of_a_face_have_more_contrast_and_points_stay(name):
    inner = Corners()
    roi = Roi((60, 50), 40, 30)
    (found,) = NormalisingLandmarker(inner, name)(FRAME, [roi])
    ((given, (moved,)),) = inner.calls
    assert given.std() > 1.2 * FRAME.std()
    assert given.shape[0] < FRAME.shape[0]
    assert (moved.side, moved.angle) == (40, 30)
    assert found.points[1] == pytest.approx([60, 50])
    assert found.dense_mesh()[1].tolist() == pytest.approx([60, 50, 7])
    assert (FRAME < 90).all()  # the frame is not changed


@pytest.mark.parametrize("center", [(-300.0, 50.0), (158.0, 118.0), (0.0, 0.0)])
def test_regions_beyond_the_frame(center):
    (found,) = NormalisingLandmarker(Corners(), "clahe")(FRAME, [Roi(center, 40, 0)])
    assert found.points[1] == pytest.approx(center)


def test_wrapped_landmarkers_keep_regions_and_thresholds():
    inner = Corners()
    for wrapped in (AveragingLandmarker(inner, 3), NormalisingLandmarker(inner, "clahe")):
        assert wrapped.weights == ("corners",)
        assert (wrapped.min_presence, wrapped.confirm_presence) == (0.5, 0.9)
        assert wrapped.roi_from_detection(np.zeros(4, np.float32), None) == Roi((0, 0), 1, 0)


def test_averages_are_steadier_when_the_region_moves(astronaut, landmarker):
    def spread(chosen):
        rois = [Roi((ROI.center[0] + d, ROI.center[1] - d), ROI.side, 0) for d in (-3, -1, 1, 3)]
        points = np.stack([face.points for face in chosen(astronaut, rois)])
        return points.std(axis=0).mean()

    assert spread(AveragingLandmarker(landmarker, 5)) < 0.8 * spread(landmarker)


def test_a_dark_face_is_placed_as_a_bright_one(astronaut, landmarker):
    dark = (astronaut * 0.12).astype(np.uint8)
    (bright,) = landmarker(astronaut, [ROI])
    for name in NORMALISATIONS:
        (found,) = NormalisingLandmarker(landmarker, name)(dark, [ROI])
        away = np.linalg.norm(found.points - bright.points, axis=1).mean()
        assert away < 0.03 * np.ptp(bright.points[:, 0])


def test_options_are_checked():
    with pytest.raises(ConfigError, match="Expected a normalisation"):
        build_landmarker(normalise="gamma")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ConfigError, match="at least one region"):
        build_landmarker(re_feed=0)
    both = build_landmarker(normalise="clahe", re_feed=3)
    assert isinstance(both, NormalisingLandmarker)
    grey = np.asarray(cv2.cvtColor(FRAME, cv2.COLOR_RGB2GRAY), np.uint8)
    assert NORMALISATIONS["histogram"](grey).max() == 255
