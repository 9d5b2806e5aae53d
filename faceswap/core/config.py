"""Strict settings: a pydantic model, a recipe that differs from its defaults, and overrides.

A recipe is a YAML file ``configs/<section>/<name>.yaml``. It is found by name from a checkout and
from an installed wheel alike.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from faceswap.core.config_errors import describe_problem, nearest
from faceswap.core.errors import ConfigError

M = TypeVar("M", bound=BaseModel)

_FLOAT = re.compile(
    r"^[-+]?(?:\d[\d_]*\.[\d_]*(?:[eE][-+]?\d+)?|\.\d[\d_]*(?:[eE][-+]?\d+)?|\d[\d_]*[eE][-+]?\d+"
    r"|\.inf|\.nan)$"
)


class StrictModel(BaseModel):
    """Base of every settings class: unknown keys and loose types are errors, values are fixed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Loader(yaml.SafeLoader):
    """YAML as people expect it: ``5e-5`` is a number; ``no``, ``on`` and dates are text."""


class _Dumper(yaml.SafeDumper):
    """Quotes whatever ``_Loader`` would not read back as text."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 (pyyaml names it)
        """Writes a value that occurs twice in full, twice."""
        return True


def _set_resolvers(kind: type[_Loader] | type[_Dumper]) -> None:
    unwanted = {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp"}
    kind.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in unwanted]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    boolean = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
    kind.add_implicit_resolver("tag:yaml.org,2002:bool", boolean, list("tTfF"))
    kind.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))


_set_resolvers(_Loader)
_set_resolvers(_Dumper)


def _folder() -> Path:
    """Where recipes are: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def recipe_names(section: str) -> list[str]:
    """Names of the recipes of a section ("faceswap", "classifier"), sorted."""
    return sorted(path.stem for path in (_folder() / section).glob("*.yaml"))


def find_recipe(section: str, name: str | Path) -> Path:
    """File of a recipe given by name (``v1``) or by path (``mine/v1.yaml``).

    Raises:
        ConfigError: There is no such recipe; the message offers the nearest name.
    """
    given = Path(name)
    if given.suffix in {".yaml", ".yml"} or len(given.parts) > 1:
        if given.is_file():
            return given
        raise ConfigError(f"There is no recipe file {given}.", "Check the path.")
    path = _folder() / section / f"{name}.yaml"
    if path.is_file():
        return path
    names = recipe_names(section)
    raise ConfigError(
        f"There is no recipe called {str(name)!r}.",
        f"{nearest(str(name), names)}Known recipes: {', '.join(names) or 'none'}. "
        "A recipe of your own is given as a path that ends in .yaml.",
    )


def read_yaml(text: str, where: str) -> Any:
    """Parses YAML.

    Raises:
        ConfigError: It is not YAML; ``where`` names its origin in the message.
    """
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        what = " ".join(str(error).split())
        raise ConfigError(f"{where} is not valid YAML: {what}", "Mend its syntax.") from error


def dump_yaml(config: BaseModel) -> str:
    """All settings, defaults included, as YAML that ``load_config`` reads back unchanged."""
    data = config.model_dump(mode="json")
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _read_recipe(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The recipe {path} cannot be read: {error}", "") from error
    data = read_yaml(text, f"The recipe {path}")
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(
            f"The recipe {path} should hold names with values, found {type(data).__name__}.",
            "A recipe looks like 'optimizer:' and, below and indented, 'lr: 1e-4'.",
        )
    return data


def _apply_override(data: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    keys = name.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(
            f"A setting is changed with NAME=VALUE, found {override!r}.",
            "For example: --set optimizer.lr=5e-5",
        )
    value = read_yaml(text, f"The value of {name}")
    place = data
    for key in keys[:-1]:
        inner = place.get(key)
        # A null or a missing section starts empty; text in its place is for the check to refuse.
        if not isinstance(inner, dict):
            inner = {}
            place[key] = inner
        place = inner
    place[keys[-1]] = value


def parse_config(model_class: type[M], data: Mapping[str, Any], where: str) -> M:
    """Checks plain data against a settings class.

    Args:
        model_class: The settings class.
        data: Names with values; nested mappings are sections.
        where: Where the data come from, for the message ("the recipe v1").

    Raises:
        ConfigError: A key is unknown or a value is ill-typed or out of range. The message names
            the field, what was expected and what was found; the hint the nearest valid name.
    """
    try:
        # By way of JSON, where strict mode still takes a list for a tuple and text for a path.
        return model_class.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        problems = [describe_problem(model_class, detail) for detail in error.errors()]
    except TypeError as error:
        problems = [(f"a value has no place in settings: {error}", "Use text, numbers or lists.")]
    message = "; ".join(dict.fromkeys(text for text, _ in problems))
    hint = " ".join(dict.fromkeys(hint for _, hint in problems if hint))
    raise ConfigError(f"Wrong setting in {where}: {message}.", hint)


def load_config(
    model_class: type[M], section: str, recipe: str | Path | None, overrides: Sequence[str] = ()
) -> M:
    """Settings from defaults, then a recipe, then overrides; the later wins.

    Args:
        model_class: The settings class; its defaults are the start.
        section: Folder below ``configs/``.
        recipe: A recipe's name or path, or none.
        overrides: ``a.b.c=VALUE`` each, the value in YAML.

    Raises:
        ConfigError: As ``find_recipe`` and ``parse_config`` do.
    """
    data: dict[str, Any] = {}
    sources: list[str] = []
    if recipe is not None:
        path = find_recipe(section, recipe)
        data = _read_recipe(path)
        sources.append(f"the recipe {path.name}")
    for override in overrides:
        _apply_override(data, override)
    if overrides:
        sources.append("--set")
    return parse_config(model_class, data, " or ".join(sources) or "the defaults")
