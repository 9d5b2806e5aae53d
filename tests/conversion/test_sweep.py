"""Combinations of settings."""

import pytest

from faceswap.conversion.settings import ConvertConfig
from faceswap.conversion.sweep import MOST_VARIANTS, Axis, parse_axes, variants
from faceswap.core.config import load_config, recipe_names
from faceswap.core.errors import ConfigError


def test_short_and_unique_names_become_full_ones():
    axes = parse_axes(["colour=lab,none mask=hull,mesh", "feather=2,6,6"])
    assert axes == [
        Axis("colour.transfer", ("lab", "none")),
        Axis("mask.name", ("hull", "mesh")),
        Axis("mask.feather", ("2", "6")),
    ]


def test_the_morph_factor_is_swept():
    assert parse_axes(["morph=0,0.5,1"]) == [Axis("decode.morph", ("0", "0.5", "1"))]


def test_variants_are_all_combinations_in_order():
    found = variants([Axis("colour.transfer", ("lab", "none")), Axis("mask.erode", ("0", "5"))])
    assert [variant.changes for variant in found] == [
        ("colour.transfer=lab", "mask.erode=0"),
        ("colour.transfer=lab", "mask.erode=5"),
        ("colour.transfer=none", "mask.erode=0"),
        ("colour.transfer=none", "mask.erode=5"),
    ]
    assert found[1].label == "transfer=lab, erode=5"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["colour"], "NAME=VALUE"),
        (["colour="], "NAME=VALUE"),
        (["colour=lab colour.transfer=none"], "twice"),
        (["fether=2"], "Unknown setting 'fether'"),
        (["fade=0,8"], "Unknown setting 'fade'"),
        (["encode.crf=0,8"], "Unknown setting 'encode.crf'"),
        (["smooth=0,8"], "from frame to frame"),
        (["occluders=none,all"], "mask.occluders=all acts from frame to frame"),
    ],
)
def test_what_is_no_axis_is_an_error(words, expected):
    with pytest.raises(ConfigError, match=expected):
        parse_axes(words)


def test_too_many_combinations_are_refused():
    values = tuple(map(str, range(MOST_VARIANTS + 1)))
    with pytest.raises(ConfigError, match=str(MOST_VARIANTS + 1)):
        variants([Axis("mask.feather", values)])


@pytest.mark.parametrize("recipe", recipe_names("convert"))
def test_every_recipe_is_valid_and_changes_something(recipe):
    assert load_config(ConvertConfig, "convert", recipe) != ConvertConfig()
