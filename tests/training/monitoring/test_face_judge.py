import logging

import numpy as np
import pytest
import torch

from faceswap.core.errors import WeightsUnavailable
from faceswap.landmarkers import FaceLandmarks, Roi
from faceswap.training.monitoring import face_judge as module
from faceswap.training.monitoring.face_judge import FaceJudge, open_face_judge
from tests.heads import head, mesh_of

SIDE = 64


class Landmarker:
    """Says that there is a face with a presence of the crop's brightness, where it is asked."""

    weights = ()
    upright = False
    min_presence, confirm_presence = 0.5, 0.95

    def __init__(self):
        self.asked: list[FaceLandmarks] = []

    def __call__(self, image, rois):
        assert image.dtype == np.uint8
        mesh = mesh_of(head())
        return [FaceLandmarks(mesh[:68, :2], mesh, image.max() / 255) for _ in rois]

    def roi_from_landmarks(self, landmarks):
        self.asked.append(landmarks)
        return Roi((0.0, 0.0), 1.0, 0.0)

    def roi_from_detection(self, box, points):
        raise AssertionError("there is no detection")


class Recognizer:
    weights = ()

    def __call__(self, images, landmarks):
        return np.array([[1.0, 0.0]], np.float32)


def test_faces_are_looked_for_where_aligned_crops_have_them():
    landmarker = Landmarker()
    judge = FaceJudge(landmarker, Recognizer(), coverage=1.25)
    crops = torch.stack([torch.ones(3, SIDE, SIDE), torch.full((3, SIDE, SIDE), 0.9)])
    seen = judge.see(crops)
    assert [face is None for face in seen] == [False, True]
    first = landmarker.asked[0]
    wide = SIDE + 2 * round(0.3 * SIDE)
    assert first.points[:, 0].mean() == pytest.approx((wide - 1) / 2, abs=1)
    # The face square, brows to chin, is the crop over its coverage.
    height = np.ptp(first.points[:, 1])
    assert height == pytest.approx(SIDE / 1.25, rel=0.1)
    # Each face is looked for again where it was found; the dark one was not.
    assert len(landmarker.asked) == 3
    assert landmarker.asked[1].mesh is not None


def test_without_weights_of_the_recognition_network_landmarks_are_seen(monkeypatch, caplog):
    def missing():
        raise WeightsUnavailable("The weights of mobilefacenet are missing.", "Fetch them.")

    monkeypatch.setattr(module, "build_landmarker", Landmarker)
    monkeypatch.setattr(module, "build_recognizer", missing)
    with caplog.at_level(logging.WARNING, logger="faceswap"):
        judge = open_face_judge(1.25)
    assert "without their identity: The weights of mobilefacenet are missing." in caplog.text
    assert not judge.knows_identities
    (face,) = judge.see(torch.ones(1, 3, SIDE, SIDE))
    assert face is not None
    assert face.embedding is None
    assert face.points.shape == (68, 2)


def test_a_real_face_is_seen_and_a_flat_picture_is_not(shared_data, shared_weights):
    from faceswap.geometry.alignment import crop_matrix, warp
    from faceswap.media.video import VideoReader
    from faceswap.tracking.finder import build_tracker

    frame = next(iter(VideoReader(shared_data / "video" / "lp_d13.mp4"))).image
    (face, *_) = build_tracker().find_faces(frame)
    crop = warp(frame, crop_matrix(face.landmarks.points, 128, 1.25), 128)
    crops = torch.from_numpy(np.stack([crop, np.full_like(crop, 127)])).permute(0, 3, 1, 2) / 255
    real, flat = open_face_judge(1.25).see(crops)
    assert flat is None
    assert real is not None
    assert real.embedding is not None
    assert np.linalg.norm(real.embedding) == pytest.approx(1, abs=1e-4)
