import cv2
import numpy as np
import pytest

from faceswap.core.errors import ConfigError
from faceswap.landmarkers import FaceLandmarks, Roi, build_landmarker, landmarkers
from faceswap.landmarkers.facemesh import FaceMesh
from faceswap.landmarkers.regions import cut_roi
from tests.landmarkers.astronaut import ROI, refined


def test_points_lie_on_the_astronauts_face(landmarker, astronaut):
    face = refined(landmarker, astronaut)
    assert face.points.shape == (68, 2)
    assert face.dense_mesh().shape == (478, 3)
    assert face.presence > 0.99
    # Read off the picture by eye: outer corners of the eyes, tip of the nose, corners of the mouth.
    seen = {36: (193, 102), 45: (258, 105), 30: (223, 128), 48: (204, 140), 54: (243, 142)}
    for point, place in seen.items():
        assert np.linalg.norm(face.points[point] - place) < 6, (point, face.points[point])


def test_no_face_has_low_presence(landmarker):
    noise = np.random.default_rng(1).integers(0, 255, (300, 300, 3), dtype=np.uint8)
    assert landmarker(noise, [Roi((150, 150), 200, 0)])[0].presence < 0.1


def test_regions_in_one_batch_give_what_each_gives_alone(landmarker, astronaut):
    rois = [ROI, Roi((230.0, 110.0), 210.0, 12.0), Roi((60.0, 60.0), 100.0, 0.0)]
    for together, roi in zip(landmarker(astronaut, rois), rois, strict=True):
        alone = landmarker(astronaut, [roi])[0]
        np.testing.assert_allclose(together.mesh, alone.mesh, atol=2e-3)
        assert together.presence == pytest.approx(alone.presence, abs=1e-4)
    assert landmarker(astronaut, []) == []


@pytest.mark.parametrize("angle", [-60.0, 35.0, 150.0])
def test_turning_the_picture_turns_the_points(landmarker, astronaut, angle):
    upright = refined(landmarker, astronaut)
    # OpenCV's angle is anticlockwise, a region's is clockwise.
    turn = cv2.getRotationMatrix2D((256, 256), -angle, 1)
    turned = cv2.warpAffine(astronaut, turn, (512, 512))
    center = turn @ np.array([*ROI.center, 1.0])
    roi = Roi((float(center[0]), float(center[1])), ROI.side, angle)
    face = refined(landmarker, turned, roi)
    expected = upright.points @ turn[:, :2].T + turn[:, 2]
    assert np.linalg.norm(face.points - expected, axis=1).mean() < 1.0
    angles = [landmarker.roi_from_landmarks(found).angle for found in (face, upright)]
    by = angles[0] - angles[1]
    assert by == pytest.approx(angle, abs=2)


def test_shifted_picture_shifts_the_points(landmarker, astronaut):
    moved = np.zeros((600, 600, 3), np.uint8)
    moved[40:552, 70:582] = astronaut
    there = landmarker(moved, [Roi((ROI.center[0] + 70, ROI.center[1] + 40), ROI.side, 0)])[0]
    here = landmarker(astronaut, [ROI])[0]
    np.testing.assert_allclose(
        there.points, here.points + np.array([70, 40], np.float32), atol=1e-2
    )


def test_cut_roi_is_exact_for_a_whole_pixel_region(astronaut):
    # 192 px around the corner between pixels 199|200 and 119|120: no resampling at all.
    crop = cut_roi(astronaut, Roi((199.5, 119.5), 192.0, 0.0), 192)
    np.testing.assert_array_equal(crop, astronaut[24:216, 104:296])


def test_cut_roi_shrinks_without_aliasing():
    stripes = np.zeros((800, 800, 3), np.uint8)
    stripes[:, ::2] = 255
    crop = cut_roi(stripes, Roi((399.5, 399.5), 768.0, 0.0), 192)
    assert crop.std() < 10


def test_region_from_a_detection():
    eyes = np.array([[120, 130], [160, 170]], np.float32)
    roi = FaceMesh.roi_from_detection(np.array([100, 100, 200, 180], np.float32), eyes)
    assert roi.center == (150.0, 140.0)
    assert roi.side == pytest.approx(150)
    assert roi.angle == pytest.approx(45)
    assert FaceMesh.roi_from_detection(np.array([0, 0, 1, 1], np.float32), None).angle == 0


def test_region_of_a_box_without_points_is_upright():
    roi = FaceMesh.roi_from_detection(np.array([100, 100, 200, 180], np.float32), None)
    assert roi == Roi((150, 140), 150, 0)


def test_region_from_68_points_is_close_to_that_from_the_mesh(landmarker, astronaut):
    face = refined(landmarker, astronaut)
    by_mesh = landmarker.roi_from_landmarks(face)
    by_points = landmarker.roi_from_landmarks(FaceLandmarks(face.points, None, 1.0))
    assert by_points.center == pytest.approx(by_mesh.center, abs=0.1 * by_mesh.side)
    assert by_points.side == pytest.approx(by_mesh.side, rel=0.15)
    assert by_points.angle == pytest.approx(by_mesh.angle, abs=5)


def test_landmarks_without_a_mesh_have_the_box_of_their_points():
    points = np.array([[10, 40], *[[30, 60]] * 66, [50, 50]], np.float32)
    landmarks = FaceLandmarks(points, mesh=None, presence=1.0)
    assert landmarks.box.tolist() == [10, 40, 50, 60]
    with pytest.raises(ConfigError, match="dense face mesh"):
        landmarks.dense_mesh()


def test_unknown_landmarker_names_the_known():
    with pytest.raises(ConfigError, match="facemsh"):
        build_landmarker("facemsh")
    assert "facemesh" in landmarkers.names()
