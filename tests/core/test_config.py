from pathlib import Path
from typing import Literal

import pytest
import yaml
from pydantic import Field

from faceswap.core import config as config_module
from faceswap.core.config import (
    StrictModel,
    dump_yaml,
    find_recipe,
    load_config,
    parse_config,
    recipe_names,
)
from faceswap.core.errors import ConfigError


class Optimizer(StrictModel):
    lr: float = Field(default=1e-4, gt=0)
    betas: tuple[float, float] = (0.9, 0.999)
    kind: Literal["adam", "sgd"] = "adam"


class Network(StrictModel):
    name: str = "plain"
    options: dict[str, int] = Field(default_factory=dict)


class Settings(StrictModel):
    network: Network = Network()
    optimizer: Optimizer = Optimizer()
    steps: int = 100
    name: str | None = None
    compile: bool = False
    output: Path = Path("out")
    sizes: dict[str, int] = Field(default_factory=dict)


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "configs" / "faceswap"
    folder.mkdir(parents=True)
    (folder / "fast.yaml").write_text("optimizer:\n  lr: 5e-3\nsteps: 7\n")
    (folder / "faster.yaml").write_text("# nothing but defaults\n")
    monkeypatch.setattr(config_module, "_folder", lambda: tmp_path / "configs")
    return folder


def load(*overrides: str, recipe: str | Path | None = None) -> Settings:
    return load_config(Settings, "faceswap", recipe, overrides)


def test_overrides_win_over_recipe_over_defaults(recipes: Path) -> None:
    assert load() == Settings()
    assert load(recipe="fast").optimizer.lr == 5e-3
    settings = load("optimizer.lr=1e-5", "optimizer.betas=[0.5, 0.9]", recipe="fast")
    assert settings.optimizer.lr == 1e-5
    assert settings.optimizer.betas == (0.5, 0.9)
    assert settings.steps == 7
    assert load(recipe="faster") == Settings()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("5e-5", 5e-5), ("1", 1.0), ("1.5", 1.5), ("1_000.0", 1000.0), ("+2E3", 2000.0)],
)
def test_numbers_as_people_write_them(text: str, expected: float) -> None:
    value = load(f"optimizer.lr={text}").optimizer.lr
    assert value == expected
    assert isinstance(value, float)


@pytest.mark.parametrize("text", ["no", "on", "2024-01-01", "yes", "a=b"])
def test_text_values_stay_text(text: str) -> None:
    assert load(f"name={text}").name == text


def test_null_and_true() -> None:
    assert load("name=null", "compile=true").name is None
    assert load("compile=true").compile is True


def test_unknown_key_offers_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r"unknown setting 'optimizer\.lrr'") as caught:
        load("optimizer.lrr=1")
    assert "'optimizer.lr'" in caught.value.hint


def test_right_name_in_the_wrong_section() -> None:
    with pytest.raises(ConfigError, match="unknown setting 'lr'") as caught:
        load("lr=1")
    assert "'optimizer.lr'" in caught.value.hint


def test_unlike_anything_lists_the_settings() -> None:
    with pytest.raises(ConfigError) as caught:
        load("zzzzzz=1")
    assert "steps" in caught.value.hint


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("steps=ten", ["steps", "integer", "'ten'"]),
        ("steps=1.5", ["steps", "integer", "1.5"]),
        ("steps=true", ["steps", "integer", "True"]),
        ("optimizer.lr=-1", ["optimizer.lr", "greater than 0", "-1"]),
        ("optimizer.kind=rms", ["optimizer.kind", "'adam' or 'sgd'", "'rms'"]),
        ("optimizer=3", ["optimizer", "3"]),
        ("optimizer.betas=[1]", ["optimizer.betas"]),
        ("sizes.a=x", ["sizes.a", "integer", "'x'"]),
    ],
)
def test_ill_typed_value_is_explained(override: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(override)
    for word in words:
        assert word in caught.value.message


def test_section_given_as_text_is_not_lost_silently(recipes: Path) -> None:
    (recipes / "odd.yaml").write_text("optimizer: adam\n")
    with pytest.raises(ConfigError, match="optimizer"):
        load(recipe="odd")


@pytest.mark.parametrize("override", ["steps", "=3", "a..b=1", "steps=[1"])
def test_malformed_override(override: str) -> None:
    with pytest.raises(ConfigError):
        load(override)


def test_unknown_recipe_offers_the_nearest(recipes: Path) -> None:
    assert recipe_names("faceswap") == ["fast", "faster"]
    with pytest.raises(ConfigError, match="'fest'") as caught:
        find_recipe("faceswap", "fest")
    assert "'fast'" in caught.value.hint


def test_recipe_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("steps: 3\n")
    assert load(recipe=path).steps == 3
    with pytest.raises(ConfigError, match="no recipe file"):
        load(recipe=tmp_path / "none.yaml")


@pytest.mark.parametrize("text", ["steps: [1", "- 1\n- 2\n", "steps: \x00"])
def test_recipe_that_is_no_mapping(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"bad\.yaml"):
        load(recipe=path)


def test_dump_reads_back_the_same(tmp_path: Path) -> None:
    settings = load("name=5e-5x", "optimizer.lr=5e-5", "steps=3", "sizes.a=4")
    awkward = parse_config(Settings, {**settings.model_dump(mode="json"), "name": "1e5"}, "here")
    for value in (settings, awkward, Settings(name="no"), Settings(name="2024-01-01")):
        path = tmp_path / "config.yaml"
        path.write_text(dump_yaml(value))
        assert load(recipe=path) == value


def test_dump_is_plain_yaml() -> None:
    assert yaml.safe_load(dump_yaml(Settings()))["optimizer"]["betas"] == [0.9, 0.999]


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().steps = 3


def test_shipped_recipes_are_found_in_a_checkout() -> None:
    assert "v1" in recipe_names("faceswap")
    assert find_recipe("faceswap", "v1").is_file()


def test_a_recipe_extends_another(recipes: Path, tmp_path: Path) -> None:
    (recipes / "wide.yaml").write_text("extends: fast\noptimizer: {kind: sgd}\nsizes: {a: 1}\n")
    mine = tmp_path / "mine.yaml"
    mine.write_text("extends: wide\nsizes: {b: 2}\nsteps: 9\n")
    settings = load(recipe=mine)
    assert (settings.optimizer.lr, settings.optimizer.kind) == (5e-3, "sgd")
    assert (settings.steps, settings.sizes) == (9, {"a": 1, "b": 2})
    assert load("steps=1", recipe=mine).steps == 1


def test_a_recipe_extends_one_in_its_own_folder(recipes: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "base.yaml").write_text("steps: 5\n")
    (tmp_path / "mine" / "more.yaml").write_text("extends: base.yaml\nname: more\n")
    settings = load(recipe=tmp_path / "mine" / "more.yaml")
    assert (settings.steps, settings.name) == (5, "more")


def test_options_belong_to_the_name_beside_them(recipes: Path, tmp_path: Path) -> None:
    (recipes / "deep.yaml").write_text("network: {name: deep, options: {depth: 9, width: 2}}\n")
    for text, expected in (
        ("{options: {depth: 3}}", Network(name="deep", options={"depth": 3, "width": 2})),
        (
            "{name: deep, options: {depth: 3}}",
            Network(name="deep", options={"depth": 3, "width": 2}),
        ),
        ("{name: flat}", Network(name="flat")),
        ("{name: flat, options: {side: 1}}", Network(name="flat", options={"side": 1})),
    ):
        mine = tmp_path / "mine.yaml"
        mine.write_text(f"extends: deep\nnetwork: {text}\n")
        assert load(recipe=mine).network == expected


@pytest.mark.parametrize("value", ["itself", "[fast]", "missing"])
def test_what_cannot_be_extended(recipes: Path, value: str) -> None:
    (recipes / "itself.yaml").write_text(f"extends: {value}\n")
    with pytest.raises(ConfigError, match=r"itself|Unknown recipe"):
        load(recipe="itself")
