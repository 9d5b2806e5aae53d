"""Strict settings: pydantic models, recipes with values that differ from the defaults, overrides.

A recipe is a YAML file ``configs/<section>/<name>.yaml``, found by name in a checkout and in an
installed wheel.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from faceswap.core.config_errors import describe_problem, nearest
from faceswap.core.errors import ConfigError
from faceswap.core.files import user_path

M = TypeVar("M", bound=BaseModel)

_FLOAT = re.compile(
    r"^[-+]?(?:\d[\d_]*\.[\d_]*(?:[eE][-+]?\d+)?|\.\d[\d_]*(?:[eE][-+]?\d+)?|\d[\d_]*[eE][-+]?\d+"
    r"|\.inf|\.nan)$"
)


UserPath = Annotated[Path, AfterValidator(user_path)]
"""Path in a setting; a leading ``~`` is the home folder."""


class StrictModel(BaseModel):
    """Base of all settings classes: frozen; unknown keys and other types are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Loader(yaml.SafeLoader):
    """YAML loader in which ``5e-5`` is a number, and ``no``, ``on`` and dates are text."""


class _Dumper(yaml.SafeDumper):
    """YAML dumper that quotes text which ``_Loader`` would not read back as text."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 (pyyaml names it)
        """Writes repeated values in full, without aliases."""
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


def read_yaml(text: str, where: str) -> Any:
    """Parses YAML.

    Raises:
        ConfigError: The text is not YAML; ``where`` is its origin in the message.
    """
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        what = " ".join(str(error).split())
        raise ConfigError(f"{where} is not valid YAML: {what}", "Correct its syntax.") from error


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
            f"Expected a mapping in the recipe {path}, found {type(data).__name__}.",
            "For example: 'optimizer:' and, indented on the next line, 'lr: 1e-4'.",
        )
    return data


def _apply_override(data: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    keys = name.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(
            f"Expected NAME=VALUE, found {override!r}.",
            "For example: --set optimizer.lr=5e-5",
        )
    value = read_yaml(text, f"The value of {name}")
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
        problems = [describe_problem(model_class, detail) for detail in error.errors()]
    except TypeError as error:
        problems = [(f"a value has an unsupported type: {error}", "Use text, numbers or lists.")]
    message = "; ".join(dict.fromkeys(text for text, _ in problems))
    hint = " ".join(dict.fromkeys(hint for _, hint in problems if hint))
    raise ConfigError(f"Invalid setting in {where}: {message}.", hint)


def load_config(
    model_class: type[M], section: str, recipe: str | Path | None, overrides: Sequence[str] = ()
) -> M:
    """Settings from the defaults, overridden by a recipe, overridden by NAME=VALUE pairs.

    Args:
        model_class: Settings class with the defaults.
        section: Folder in ``configs/``.
        recipe: Name or path of a recipe, or None.
        overrides: Strings ``a.b.c=VALUE``, the value in YAML.

    Raises:
        ConfigError: The recipe is not found, or a value is invalid.
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
