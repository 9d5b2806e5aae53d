"""Tests of products of masks."""

from collections.abc import Mapping

import numpy as np
import pytest

from faceswap.core.errors import ConfigError
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.maskers import build_masker
from faceswap.maskers.products import ProductMasker, build_product, split_product

CROP = np.zeros((100, 100, 3), np.uint8)
POINTS = 60 * MEAN_FACE[:, :2] + 50


class Constant:
    """Everything is face to some degree."""

    needs_mesh = False
    whole_face = True

    def __init__(self, value: int, **facts: str) -> None:
        self.facts: Mapping[str, str] = facts
        self._value = value

    def __call__(self, crops, landmarks, meshes):
        return [np.full(crop.shape[:2], self._value, np.uint8) for crop in crops]


def test_a_product_is_what_all_factors_count_as_face():
    hull, box, product = (
        make([CROP], [POINTS], [None])[0]
        for make in (build_masker("hull"), build_masker("box"), build_product("hull * box"))
    )
    assert product.sum(dtype=int) == pytest.approx(np.minimum(hull, box).sum(dtype=int), rel=0.002)
    halves = ProductMasker([Constant(128, network="a"), Constant(51)])
    assert (halves([CROP], [POINTS], [None])[0] == round(128 * 51 / 255)).all()
    assert halves.facts == {"network": "a"}


def test_one_factor_is_the_masker_itself_and_none_is_everything():
    assert np.array_equal(
        build_product("mouth")([CROP], [POINTS], [None]),
        build_masker("mouth")([CROP], [POINTS], [None]),
    )
    everything = build_product("predicted")
    assert everything([CROP], [POINTS], [None])[0].min() == 255
    assert everything.whole_face


def test_a_product_needs_what_one_of_its_factors_needs():
    product = build_product("hull*mesh")
    assert product.needs_mesh
    assert product.whole_face
    assert not build_product("hull*mouth").whole_face


@pytest.mark.parametrize("text", ["", "hull*", "*hull", "hull**mesh", "hull*hull"])
def test_an_incomplete_product_is_an_error(text):
    with pytest.raises(ConfigError, match="Expected maskers with"):
        split_product(text)


def test_an_unknown_factor_is_an_error():
    with pytest.raises(ConfigError, match="Unknown masker 'hul'"):
        build_product("hul*mesh")
