"""Strict settings: pydantic models, recipes with values that differ from the defaults, overrides.

A recipe is a YAML file ``configs/<section>/<name>.yaml``, found by name in a checkout and in an
installed wheel.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from faceswap.core.config_errors import describe_problem, nearest, shown
from faceswap.core.documents import check_values
from faceswap.core.errors import ConfigError
from faceswap.core.files import user_path
from faceswap.core.yaml_documents import format_yaml, parse_yaml, read_yaml

_EXTENDS = "extends"
_MOST_BASES = 8  # of one recipe
_MOST_KEYS = 16  # of a dotted name
_PROBLEMS = 8  # in a message

M = TypeVar("M", bound=BaseModel)


UserPath = Annotated[Path, AfterValidator(user_path)]
"""Path in a setting; a leading ``~`` is the home folder."""

AbsolutePath = Annotated[Path, AfterValidator(lambda path: user_path(path).absolute())]
"""Path in a setting of a run, which may be resumed from another folder."""


class StrictModel(BaseModel):
    """Base of all settings classes: frozen; unknown keys and other types are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _folder() -> Path:
    """Folder of the recipes: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def recipe_names(section: str) -> list[str]:
    """Sorted names of the recipes of a section ("faceswap", "classifier")."""
    return sorted(path.stem for path in (_folder() / section).glob("*.yaml"))


def find_recipe(section: str, name: str | Path) -> Path:
    """Path of a recipe given by name (``v1``) or by path (``mine/v1.yaml``).

    Raises:
        ConfigError: There is no such recipe; the hint suggests the nearest name.
    """
    given = user_path(name)
    if given.suffix in {".yaml", ".yml"} or len(given.parts) > 1:
        if given.is_file():
            return given
        raise ConfigError(f"There is no recipe file {given}.", "Check the path.")
    path = _folder() / section / f"{name}.yaml"
    if path.is_file():
        return path
    names = recipe_names(section)
    raise ConfigError(
        f"Unknown recipe {str(name)!r}.",
        f"{nearest(str(name), names)}Known recipes: {', '.join(names) or 'none'}. "
        "For a recipe of your own pass a path that ends in .yaml.",
    )


def dump_yaml(config: BaseModel) -> str:
    """All settings, defaults included, as YAML that ``load_config`` reads back unchanged."""
    return format_yaml(config.model_dump(mode="json"))


def _read_recipe(path: Path) -> dict[str, Any]:
    data = read_yaml(path, f"The recipe {path}")
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(
            f"Expected a mapping in the recipe {path}, found {type(data).__name__}.",
            "For example: 'optimizer:' and, indented on the next line, 'lr: 1e-4'.",
        )
    return data


def _with_base(path: Path, section: str, depth: int = 0) -> dict[str, Any]:
    """Values of a recipe, over those of the recipe that its key ``extends`` names."""
    data = _read_recipe(path)
    if _EXTENDS not in data:
        return data
    base = data.pop(_EXTENDS)
    if not isinstance(base, str) or depth == _MOST_BASES:
        raise ConfigError(
            f"Expected the name or path of another recipe as {_EXTENDS!r} in the recipe {path}, "
            f"found {shown(base)}.",
            "For example: 'extends: v3'. A recipe cannot extend itself.",
        )
    beside = path.parent / user_path(base)
    found = beside if beside.suffix and beside.is_file() else find_recipe(section, base)
    return _merged(_with_base(found, section, depth + 1), data)


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Values with changes: those of sections are merged, all others replaced.

    Options belong to what a section names, and are dropped with another name.
    """
    merged = dict(base)
    if "name" in changes and changes["name"] != base.get("name"):
        merged.pop("options", None)
    for name, value in changes.items():
        under = merged.get(name)
        if isinstance(under, Mapping) and isinstance(value, Mapping):
            value = _merged(under, value)
        merged[name] = value
    return merged


def _apply_override(data: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    keys = name.strip().split(".")
    if not equals or not all(keys) or len(keys) > _MOST_KEYS:
        raise ConfigError(
            f"Expected NAME=VALUE, found {shown(override)}.",
            "For example: --set optimizer.lr=5e-5",
        )
    value = parse_yaml(text, f"The value of {name}")
    place = data
    for key in keys[:-1]:
        inner = place.get(key)
        # A null or missing section becomes empty.
        if not isinstance(inner, dict):
            inner = {}
            place[key] = inner
        place = inner
    place[keys[-1]] = value


def parse_config(model_class: type[M], data: Mapping[str, Any], where: str) -> M:
    """Validates plain data against a settings class.

    Args:
        model_class: Settings class.
        data: Values by name; nested mappings are sections.
        where: Origin of the data for the message ("the recipe v1").

    Raises:
        ConfigError: A key is unknown, or a value has the wrong type or is out of range. The message
            gives the field, what was expected and what was found; the hint the nearest valid name.
    """
    try:
        # Via JSON, where strict mode accepts a list for a tuple and text for a path.
        return model_class.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        problems = [describe_problem(model_class, detail) for detail in error.errors()[:_PROBLEMS]]
    except TypeError as error:
        problems = [(f"a value has an unsupported type: {error}", "Use text, numbers or lists.")]
    message = "; ".join(dict.fromkeys(text for text, _ in problems))
    hint = " ".join(dict.fromkeys(hint for _, hint in problems if hint))
    raise ConfigError(f"Invalid setting in {where}: {message}.", hint)


def load_config(
    model_class: type[M],
    section: str,
    recipe: str | Path | Mapping[str, Any] | None,
    overrides: Sequence[str] = (),
) -> M:
    """Settings from the defaults, overridden by a recipe, overridden by NAME=VALUE pairs.

    Args:
        model_class: Settings class with the defaults.
        section: Folder in ``configs/``.
        recipe: Name or path of a recipe, settings by name, or None.
        overrides: Strings ``a.b.c=VALUE``, the value in YAML.

    Raises:
        ConfigError: The recipe is not found, or a value is invalid.
    """
    data: dict[str, Any] = {}
    sources: list[str] = []
    if isinstance(recipe, Mapping):
        data = json.loads(json.dumps(recipe))  # a copy in depth
        sources.append("the settings of the run")
    elif recipe is not None:
        path = find_recipe(section, recipe)
        data = _with_base(path, section)
        sources.append(f"the recipe {path.name}")
    for override in overrides:
        _apply_override(data, override)
    if overrides:
        sources.append("--set")
    where = " or ".join(sources) or "the defaults"
    check_values(data, f"A setting in {where}", ConfigError, "Use text, numbers or lists.")
    return parse_config(model_class, data, where)
