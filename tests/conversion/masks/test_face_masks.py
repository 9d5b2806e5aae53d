from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch

from faceswap.conversion.masks.edge import MaskEdge
from faceswap.conversion.masks.face_masks import FaceMasks, FacesToMask, build_face_masks
from faceswap.core.errors import ConfigError
from faceswap.geometry.alignment import crop_matrix, transform_points
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.maskers import build_masker
from faceswap.maskers.hull import fill_hull
from faceswap.maskers.outlines import LandmarkMasker
from faceswap.maskers.regions import EYES, MOUTH
from tests.conversion.guided import face_at
from tests.conversion.swap.test_compositing import COVERAGE, landmarks_at

HULL = build_masker("hull")
CROP = np.zeros((96, 96, 3), np.uint8)
PIXEL = 128 / COVERAGE / 100  # one per cent of the face square


def in_crop(points, side=96):
    return transform_points(crop_matrix(landmarks_at(0, 0, 1), side, COVERAGE), points)


POINTS = in_crop(landmarks_at(0, 0, 1))


def mask_of(mask: str = "hull", predicted: torch.Tensor | None = None, **options: Any):
    """Mask of a face of average shape, ``(128, 128)``."""
    edge = MaskEdge(**{key: options.pop(key) for key in tuple(options) if key in EDGE})
    masks = build_face_masks(mask, COVERAGE, edge=edge, **options)
    return masks(FacesToMask([CROP], [POINTS], [None], predicted))[0, 0].numpy()


EDGE = {field.name for field in fields(MaskEdge)}


def extent(mask):
    """Rows and columns between which a mask is more than a half: top, bottom, left, right."""
    rows, columns = np.flatnonzero(mask.max(1) > 0.5), np.flatnonzero(mask.max(0) > 0.5)
    return np.array([rows[0], rows[-1], columns[0], columns[-1]])


def test_mask_is_soft_inside_the_hull_and_zero_at_the_border():
    mask = mask_of(erode=2, feather=8)
    assert mask.shape == (128, 128)
    assert mask[64, 64] == 1
    assert mask[[0, -1]].max() == 0
    assert mask[:, [0, -1]].max() == 0
    profile = mask[64]
    assert ((profile > 0.05) & (profile < 0.95)).sum() >= 6
    assert np.abs(np.diff(profile)).max() < 0.3


def test_effect_of_feather_and_erosion():
    assert mask_of(erode=10).sum() < mask_of(erode=2).sum() < mask_of(erode=-5).sum()
    partial = [((m > 0.02) & (m < 0.98)).sum() for m in (mask_of(feather=16), mask_of(feather=2))]
    assert partial[0] > 2 * partial[1]


@pytest.mark.parametrize("feather", [2, 4, 8])
@pytest.mark.parametrize(
    "edge",
    [{"erode": -10}, {"erode": -3}, dict.fromkeys(("top", "bottom", "left", "right"), -10)],
)
def test_dilation_reaches_the_border_no_nearer_than_a_mask_without_it(edge, feather):
    """There the edge is as soft as it is elsewhere, and not that of the crop."""
    full = np.full((128, 128), 255, np.uint8)
    whole = MaskEdge(feather=feather).soften(full, 128 / COVERAGE)
    dilated = MaskEdge(feather=feather, **edge).soften(full, 128 / COVERAGE)
    np.testing.assert_allclose(dilated, whole, atol=0.01)
    assert np.abs(np.diff(dilated[64])).max() < 0.9 / (feather * PIXEL / 2)


@pytest.mark.parametrize("amount", [10, -10])
@pytest.mark.parametrize(("side", "index"), [("top", 0), ("bottom", 1), ("left", 2), ("right", 3)])
def test_one_side_is_eroded_or_dilated_by_percent_of_the_face(side, index, amount):
    before, after = extent(mask_of(erode=10)), extent(mask_of(erode=10, **{side: amount}))
    moved = np.zeros(4)
    moved[index] = amount * PIXEL * (1 if index % 2 == 0 else -1)
    np.testing.assert_allclose(after - before, moved, atol=1.5)


@pytest.mark.parametrize(
    ("keep", "kept", "replaced"), [("eyes", EYES, MOUTH), ("mouth", MOUTH, EYES)]
)
def test_kept_features_are_not_replaced(keep, kept, replaced):
    mask, (x, y) = mask_of(keep=[keep]), in_crop(MEAN_FACE[:, :2], 128).round().astype(int).T
    for feature in kept:
        assert mask[y[feature], x[feature]].max() < 0.2
    for feature in replaced:
        assert mask[y[feature], x[feature]].min() > 0.99
    whole = mask_of()
    assert (mask <= whole).all()
    assert np.abs(np.diff(mask[y[30]])).max() < 0.3  # a soft edge
    assert mask[y[30], x[30]] > 0.99


def test_kept_eyes_follow_a_blink():
    closed = POINTS.copy()
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        closed[upper, 1] = closed[lower, 1]
    masks = build_face_masks("hull", COVERAGE, keep=["eyes"])
    opened, shut = (
        masks(FacesToMask([CROP], [points], [None]))[0, 0] for points in (POINTS, closed)
    )
    top = round(float(in_crop(MEAN_FACE[37:39, :2], 128)[:, 1].mean())) - 3
    x = round(float(in_crop(MEAN_FACE[37:39, :2], 128)[:, 0].mean()))
    assert shut[top, x] > opened[top, x] + 0.3


def test_an_unknown_feature_is_an_error():
    with pytest.raises(ConfigError, match="eyes, mouth, found 'nose'"):
        mask_of(keep=["nose"])


def test_pixels_predicted_as_background_are_excluded():
    predicted = torch.ones(1, 1, 64, 64)
    predicted[..., 40:] = 0  # the right part
    whole, part = mask_of(), mask_of(predicted=predicted)
    np.testing.assert_allclose(part[:, :60], whole[:, :60])
    assert whole[64, 90] > 0.999
    assert part[:, 82:].max() < 0.02
    np.testing.assert_array_equal(mask_of(predicted=predicted, use_predicted=False), whole)
    named = mask_of("hull*predicted", predicted=predicted, use_predicted=False)
    np.testing.assert_array_equal(named, part)


def test_the_predicted_mask_alone():
    predicted = torch.zeros(1, 1, 64, 64)
    predicted[..., 10:50, 20:40] = 1
    mask = mask_of("predicted", predicted=predicted)
    edge = 4 / 2 * PIXEL  # the soft edge lies inside
    expected = [20 + edge, 99 - edge, 40 + edge, 79 - edge]
    np.testing.assert_allclose(extent(mask), expected, atol=1)
    with pytest.raises(ConfigError, match="Expected a model that predicts masks"):
        mask_of("predicted")


def test_what_hides_a_face_is_not_replaced():
    masks, hidden = build_face_masks("hull", COVERAGE), np.zeros((64, 64), np.float32)
    hidden[:, 40:] = 1
    hidden[:, 38:40] = 0.5
    covered = [None, hidden, None]
    whole, *parts = masks(FacesToMask([CROP] * 3, [POINTS] * 3, [None] * 3, covered=covered))
    assert torch.equal(parts[1], whole)
    assert parts[0][0, :, 82:].max() == 0
    torch.testing.assert_close(parts[0][0, :, :74], whole[0, :, :74])
    assert parts[0][0, 64, 77] == pytest.approx(0.5, abs=0.05)


def test_temples_are_part_of_the_mask_and_what_covers_the_face_is_not():
    face = face_at()
    matrix = crop_matrix(face.landmarks, 128, COVERAGE)
    points, mesh = (
        transform_points(matrix, each[:, :2]) for each in (face.landmarks, face.dense_mesh())
    )
    covered = np.ones((128, 128), np.uint8)
    covered[60:70, 55:65] = 0  # an object in front of the face

    masker = LandmarkMasker(lambda size, points: fill_hull(size, points) * covered)
    crop = np.zeros((128, 128, 3), np.uint8)
    masks = FaceMasks(masker, COVERAGE, MaskEdge(feather=1))
    plain, wide = (
        masks(FacesToMask([crop], [points], [None], None, meshes))[0, 0].numpy()
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
        FaceMasks(masker, COVERAGE)(FacesToMask([crop], [points], [mesh], None, meshes))
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
    crop, masks = np.zeros((128, 128, 3), np.uint8), FaceMasks(HULL, COVERAGE, MaskEdge(feather=1))
    mask = masks(FacesToMask([crop], [points], [None], predicted, [mesh]))[0, 0]
    beside_jaw, beside_temple = (round(float(y)) for y in (points[jaw, 1], mesh[temple, 1]))
    assert mask[beside_jaw, edge - 2 * inwards] == 0
    assert mask[beside_jaw, edge + 2 * inwards] == 1
    assert mask[beside_temple, edge - 5 * inwards] == 1
