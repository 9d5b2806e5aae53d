"""Tests of the maskers that render points of a face: areas, and points inside and outside."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from faceswap.core.errors import ConfigError
from faceswap.geometry.landmarks68 import INNER, LEFT_EYE, MOUTH, RIGHT_EYE
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.geometry.mesh68 import mesh_to_68
from faceswap.geometry.outline import OUTLINE
from faceswap.maskers import build_masker, build_maskers, maskers
from faceswap.maskers.hull import hull_polygon
from faceswap.maskers.regions import EYES, fill_features
from tests.meshes import face_mesh

SIZE, SCALE = 400, 200  # pixels; of a face square
CENTRE = (SIZE - 1) / 2
CROP = np.zeros((SIZE, SIZE, 3), np.uint8)
BY_POINTS = [name for name in maskers.names() if name != "segmentation"]


def turned(points: NDArray[np.floating], degrees: float) -> NDArray[np.floating]:
    """Points of a face square in crop pixels, turned clockwise in the image."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return SCALE * points[:, :2] @ np.array([[c, s], [-s, c]]) + CENTRE


def mask_of(name: str, opening: float = 0.0, degrees: float = 0.0) -> NDArray[np.uint8]:
    mesh = face_mesh(opening)
    landmarks = turned(mesh_to_68(mesh), degrees)
    (mask,) = build_masker(name)([CROP], [landmarks], [turned(mesh, degrees)])
    assert mask.shape == (SIZE, SIZE)
    return mask


def at(mask: NDArray[np.uint8], points: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Values of a mask at points of the face, in face squares."""
    x, y = np.round(SCALE * points[:, :2] + CENTRE).astype(int).T
    return mask[y, x]


def above(mask: NDArray[np.uint8]) -> float:
    """Uppermost row of a mask, in face squares from the centre."""
    return (np.flatnonzero(mask.max(1) > 127)[0] - CENTRE) / SCALE


def area(polygon: NDArray[np.floating]) -> float:
    x, y = polygon[:, 0], polygon[:, 1]
    return abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2


def test_hull_covers_the_face_and_part_of_the_forehead():
    mask = mask_of("hull")
    assert (at(mask, MEAN_FACE[INNER]) == 255).all()
    brow, chin = MEAN_FACE[19], MEAN_FACE[8]
    up, down = np.array([0, -0.05, 0]), np.array([0, 0.03, 0])
    assert at(mask, np.array([brow + up, 0 * chin])).tolist() == [255, 255]
    assert at(mask, np.array([brow + 6 * up, chin + down])).tolist() == [0, 0]
    assert mask[:, : round(CENTRE - 0.51 * SCALE)].max() == 0


def test_area_of_the_hull_is_that_of_its_polygon():
    expected = area(hull_polygon(turned(MEAN_FACE, 0)))
    assert mask_of("hull").sum() / 255 == pytest.approx(expected, rel=0.03)


def test_extended_reaches_the_hairline_and_is_the_hull_below_the_brows():
    hull, extended = mask_of("hull"), mask_of("extended")
    assert (extended[hull == 255] == 255).all()
    # Nine tenths of the distance from brows to nose would be -0.9: hair may be lower.
    assert above(hull) == pytest.approx(-0.58, abs=0.03)
    assert above(extended) == pytest.approx(-0.83, abs=0.02)
    below = round(CENTRE - 0.2 * SCALE)
    assert np.array_equal(extended[below:], hull[below:])


@pytest.mark.parametrize("degrees", [-25, 0, 25])
def test_extended_follows_a_head_that_nods(degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    nodding = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    (mask,) = build_masker("extended")([CROP], [turned(MEAN_FACE @ nodding.T, 0)], [None])
    assert above(mask) == pytest.approx((nodding @ [0, -0.83, 0.05])[1], abs=0.01)


def test_mesh_covers_its_outline_and_the_features():
    mask, mesh = mask_of("mesh"), face_mesh()
    oval = area(SCALE * mesh[OUTLINE, :2])
    assert oval < mask.sum() / 255 < 1.12 * oval  # the jaw of the landmarks is wider
    assert (at(mask, MEAN_FACE[INNER]) > 200).all()
    forehead = mesh[OUTLINE][mesh[OUTLINE, 1] < -0.45]
    assert (at(mask, 0.95 * forehead) == 255).all()
    assert (at(mask, 1.08 * forehead) == 0).all()


def test_mouth_hole_is_what_an_open_mouth_shows():
    closed, opened = mask_of("mesh_mouth_hole"), mask_of("mesh_mouth_hole", opening=0.15)
    assert np.array_equal(closed, mask_of("mesh"))
    inside = np.array([(x, 0.1174 + 0.075) for x in (-0.08, 0, 0.08)])
    assert (at(opened, inside) == 0).all()
    whole = mask_of("mesh", opening=0.15)
    assert (at(whole, inside) == 255).all()
    hole = (whole.astype(int) - opened).sum() / 255 / SCALE**2
    assert hole == pytest.approx(0.15 * 2 * 0.1866 * 0.9, rel=0.15)


@pytest.mark.parametrize(
    ("name", "features", "others"),
    [("eyes", [LEFT_EYE, RIGHT_EYE], MOUTH), ("mouth", [MOUTH], LEFT_EYE)],
)
def test_regions_surround_their_features_and_nothing_else(name, features, others):
    mask = mask_of(name)
    for feature in features:
        points = MEAN_FACE[feature]
        assert (at(mask, points) == 255).all()
        wider = points.mean(0) + 1.15 * (points - points.mean(0))
        assert (at(mask, wider) == 255).all()
    assert (at(mask, MEAN_FACE[others]) == 0).all()
    assert (at(mask, MEAN_FACE[[8, 30]]) == 0).all()  # chin and tip of the nose


def test_margin_of_a_region_is_in_pixels():
    points = turned(MEAN_FACE, 0)
    narrow, wide = (fill_features(SIZE, points, EYES, margin) > 127 for margin in (4, 10))
    left, right = (np.flatnonzero(mask.any(0))[[0, -1]] for mask in (narrow, wide))
    assert (left - right).tolist() == [6, -6]


def test_box_is_a_rectangle_with_round_corners_around_the_hull():
    box, hull = mask_of("box") > 127, mask_of("hull") > 127
    rows, columns = np.flatnonzero(box.any(1)), np.flatnonzero(box.any(0))
    corners = (4 - np.pi) * (0.08 * SCALE) ** 2
    assert box.sum() == pytest.approx(len(rows) * len(columns) - corners, rel=0.002)
    assert not box[rows[0] + 3, columns[0] + 3]
    assert box[hull].all()
    assert len(rows) == pytest.approx(hull.any(1).sum(), abs=2)
    assert len(columns) == pytest.approx(hull.any(0).sum(), abs=2)


@pytest.mark.parametrize("name", BY_POINTS)
def test_masks_of_a_symmetric_face_are_symmetric(name):
    mask = mask_of(name, opening=0.1).astype(int)
    assert np.abs(mask - mask[:, ::-1]).sum() < 0.01 * mask.sum()


@pytest.mark.parametrize("name", BY_POINTS)
def test_masks_turn_with_the_head(name):
    upright, lying = mask_of(name, 0.1), mask_of(name, 0.1, degrees=90)
    back = np.rot90(lying).astype(int)
    assert np.abs(back - upright).sum() < 0.03 * upright.sum(dtype=int)
    assert mask_of(name, 0.1, degrees=30).sum() == pytest.approx(float(upright.sum()), rel=0.02)


def test_maskers_of_meshes_name_the_landmarker_that_has_some():
    masker = build_masker("mesh")
    assert masker.needs_mesh
    with pytest.raises(ConfigError, match="found 68 landmarks only") as raised:
        masker([CROP], [turned(MEAN_FACE, 0)], [None])
    assert "facemesh" in raised.value.hint


def test_several_maskers_are_built_in_their_order():
    assert list(build_maskers(["mesh", "eyes", "hull"])) == ["mesh", "eyes", "hull"]
    with pytest.raises(ConfigError, match="each masker once"):
        build_maskers(["hull", "hull"])
    with pytest.raises(ConfigError, match="Unknown masker 'hul'") as raised:
        build_maskers(["hul"])
    assert "Did you mean 'hull'?" in raised.value.hint
    with pytest.raises(ConfigError, match="The maskers 'hull', 'eyes' do not use a network"):
        build_maskers(["hull", "eyes"], model=Path("somewhere"))
