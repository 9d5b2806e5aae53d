"""Numeric options of all models have bounds, also in model files."""

import json
import math

import pytest
import torch

from faceswap.core.errors import ConfigError, ModelFileError
from faceswap.models import build_model, check_options, models
from faceswap.models.model_file import ModelMeta, load_model, save_model
from faceswap.models.options import check_dense, check_range, check_side
from tests.models.small_options import SMALL

NUMBERS = [
    (name, option, value)
    for name in models.names()
    for option, default in check_options(name, {}).items()
    for value in ((10**9, -1) if type(default) is int else (1e9, -1.0, math.nan))
    if type(default) in (int, float)
]


@pytest.mark.parametrize(("name", "option", "value"), NUMBERS)
def test_a_number_out_of_range_is_refused_with_its_range(name, option, value):
    options = SMALL[name] | {option: value}
    with torch.device("meta"), pytest.raises(ConfigError) as caught:
        build_model(name, ["alice", "bob"], options)
    assert option in caught.value.message
    assert str(value) in caught.value.message
    low, _, high = caught.value.message.partition(" to ")
    assert low.split()[-1][0].isdigit()
    assert high.split()[0][0].isdigit() or high.startswith("below")


def test_the_value_of_the_hint_is_accepted():
    for found, highest, example in ((9, 5, 5), (0, 5, 5), (0, 512, 64)):
        with pytest.raises(ConfigError) as caught:
            check_range("small", 1, highest, code=found)
        assert caught.value.hint.endswith(f"code={example}")
    with pytest.raises(ConfigError) as caught:
        check_range("comb", 0, 1, growth=1.5)
    assert caught.value.hint.endswith("growth=1.0")  # the type of the option
    for found, nearest in ((3000, 1024), (-7, 32), (100, 96)):
        with pytest.raises(ConfigError) as caught:
            check_side("small", 32, 32, 1024, size=found)
        assert f"size={nearest}." in caught.value.hint
    check_side("small", 32, 32, 1024, size=1024)
    check_range("small", 1, 5, code=5)


def test_dense_layers_have_a_largest_size():
    check_dense(1 << 15, 1 << 14)
    with pytest.raises(ConfigError, match="32769 times 16384"):
        check_dense((1 << 15) + 1, 1 << 14)
    for options in (
        {"encoder": "original", "size": 1024},
        {"code": 4096, "width": 4096, "output": 240},
    ):
        with torch.device("meta"), pytest.raises(ConfigError, match="dense layer"):
            build_model("modular", ["a", "b"], options)
    for name, options in (
        ("amp", {"ae_dims": 4096, "inter_dims": 4096}),
        ("comb", {"channels": 4096, "code": 16384}),
    ):
        with torch.device("meta"), pytest.raises(ConfigError, match="dense layer"):
            build_model(name, ["a", "b"], options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"width": 10**9}, "1 to 1024 as width"),
        ({"width": "wide"}, "like 128"),
        ({"depth": 3}, "no option 'depth'"),
    ],
)
def test_options_of_a_damaged_model_file_are_refused(tmp_path, options, said):
    model = build_model("original", ["alice", "bob"], SMALL["original"])
    save_model(tmp_path, model, ModelMeta("original", SMALL["original"], ("alice", "bob"), 1.25, 7))
    path = tmp_path / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"options": options}))
    with pytest.raises(ModelFileError, match=said) as caught:
        load_model(tmp_path)
    assert str(tmp_path) in caught.value.message
    assert "--set" not in caught.value.hint
