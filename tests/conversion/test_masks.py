from typing import Any

import numpy as np
import pytest
import torch

from faceswap.conversion.compositing import CompositeSettings
from faceswap.conversion.masks import face_masks
from faceswap.geometry.alignment import crop_matrix, transform_points
from faceswap.maskers import build_masker
from faceswap.maskers.hull import fill_hull
from faceswap.maskers.outlines import LandmarkMasker
from tests.conversion.guided import face_at
from tests.conversion.test_compositing import COVERAGE, landmarks_at

HULL = build_masker("hull")


def test_mask_is_soft_inside_the_hull_and_zero_at_the_border():
    crop = np.zeros((96, 96, 3), np.uint8)
    points = transform_points(
        crop_matrix(landmarks_at(0, 0, 1), 96, COVERAGE), landmarks_at(0, 0, 1)
    )
    mask = face_masks(
        [crop], [points], [None], COVERAGE, CompositeSettings(erode=2, feather=8), HULL
    )[0, 0]
    assert mask.shape == (128, 128)
    assert mask[64, 64] == 1
    assert mask[[0, -1]].max() == 0
    assert mask[:, [0, -1]].max() == 0
    profile = mask[64]
    assert ((profile > 0.05) & (profile < 0.95)).sum() >= 6
    assert profile.diff().abs().max() < 0.3


def test_effect_of_feather_and_erosion():
    crop = np.zeros((96, 96, 3), np.uint8)
    points = transform_points(
        crop_matrix(landmarks_at(0, 0, 1), 96, COVERAGE), landmarks_at(0, 0, 1)
    )

    def area(**settings: Any) -> float:
        return float(
            face_masks(
                [crop], [points], [None], COVERAGE, CompositeSettings(**settings), HULL
            ).sum()
        )

    assert area(erode=10) < area(erode=2) < area(erode=-5)
    soft = face_masks([crop], [points], [None], COVERAGE, CompositeSettings(feather=16), HULL)
    hard = face_masks([crop], [points], [None], COVERAGE, CompositeSettings(feather=2), HULL)
    partial = [((m > 0.02) & (m < 0.98)).sum() for m in (soft, hard)]
    assert partial[0] > 2 * partial[1]


def test_pixels_predicted_as_background_are_excluded():
    crop = np.zeros((96, 96, 3), np.uint8)
    points = transform_points(
        crop_matrix(landmarks_at(0, 0, 1), 96, COVERAGE), landmarks_at(0, 0, 1)
    )
    predicted = torch.ones(1, 1, 64, 64)
    predicted[..., 40:] = 0  # the right part
    whole = face_masks([crop], [points], [None], COVERAGE, CompositeSettings(), HULL)[0, 0]
    part = face_masks([crop], [points], [None], COVERAGE, CompositeSettings(), HULL, predicted)[
        0, 0
    ]
    torch.testing.assert_close(part[:, :60], whole[:, :60])
    assert whole[64, 90] > 0.999
    assert part[:, 82:].max() < 0.02


def test_temples_are_part_of_the_mask_and_what_covers_the_face_is_not():
    face = face_at()
    matrix = crop_matrix(face.landmarks, 128, COVERAGE)
    points, mesh = (
        transform_points(matrix, each[:, :2]) for each in (face.landmarks, face.dense_mesh())
    )
    covered = np.ones((128, 128), np.uint8)
    covered[60:70, 55:65] = 0  # an object in front of the face

    masker = LandmarkMasker(lambda size, points: fill_hull(size, points) * covered)
    crop, settings = np.zeros((128, 128, 3), np.uint8), CompositeSettings(erode=0, feather=1)
    plain, wide = (
        face_masks([crop], [points], [None], COVERAGE, settings, masker, None, meshes)[0, 0].numpy()
        for meshes in (None, [mesh])
    )
    assert (wide >= plain - 0.01).all()
    added = np.argwhere(wide > plain + 0.5)
    left, right = mesh[127], mesh[356]
    assert added[:, 1].min() == pytest.approx(left[0] - 0.06 * 128 / COVERAGE, abs=3)
    assert added[:, 1].max() == pytest.approx(right[0] + 0.06 * 128 / COVERAGE, abs=3)
    assert added[:, 0].max() < points[:, 1].max() - 5  # not at the chin
    assert wide[65, 60] == 0


@pytest.mark.parametrize("name", ["eyes", "mouth"])
def test_temples_are_no_part_of_the_mask_of_a_feature(name):
    face = face_at()
    matrix = crop_matrix(face.landmarks, 128, COVERAGE)
    points, mesh = (
        transform_points(matrix, each[:, :2]) for each in (face.landmarks, face.dense_mesh())
    )
    crop, masker = np.zeros((128, 128, 3), np.uint8), build_masker(name)
    plain, shown = (
        face_masks([crop], [points], [mesh], COVERAGE, CompositeSettings(), masker, None, meshes)
        for meshes in (None, [mesh])
    )
    assert torch.equal(plain, shown)
    (region,) = masker([crop], [points], [mesh])
    assert plain.max() > 0.999
    assert plain[0, 0].numpy()[region == 0].max() < 0.5


@pytest.mark.parametrize(("jaw", "temple", "inwards"), [(5, 127, 1), (11, 356, -1)])
def test_background_that_the_model_predicts_at_the_jaw_is_excluded_and_temples_stay(
    jaw, temple, inwards
):
    face = face_at()
    matrix = crop_matrix(face.landmarks, 128, COVERAGE)
    points, mesh = (
        transform_points(matrix, each[:, :2]) for each in (face.landmarks, face.dense_mesh())
    )
    edge = round(float(points[jaw, 0])) + 5 * inwards  # the swapped face is narrower on this side
    predicted = torch.zeros(1, 1, 128, 128)
    shown = slice(edge, None) if inwards > 0 else slice(edge + 1)
    predicted[..., shown] = 1
    crop, settings = np.zeros((128, 128, 3), np.uint8), CompositeSettings(feather=1)
    mask = face_masks([crop], [points], [None], COVERAGE, settings, HULL, predicted, [mesh])[0, 0]
    beside_jaw, beside_temple = (round(float(y)) for y in (points[jaw, 1], mesh[temple, 1]))
    assert mask[beside_jaw, edge - 2 * inwards] == 0
    assert mask[beside_jaw, edge + 2 * inwards] == 1
    assert mask[beside_temple, edge - 5 * inwards] == 1
