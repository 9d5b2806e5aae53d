"""Checks of network options, with error messages for the user."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from faceswap.core.config_errors import nearest
from faceswap.core.errors import ConfigError

_WORDS = {bool: "true or false", int: "an integer", float: "a number", str: "a string"}


def checked_options(
    name: str, build: Callable[..., object], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Check that options exist and have the type of their default.

    Args:
        name: Name of the network, for messages.
        build: Builder ``(classes, **options)``; every option has a default.
        options: Options given by the user.

    Raises:
        ConfigError: Unknown option, or wrong type.
    """
    parameters = dict(list(inspect.signature(build).parameters.items())[1:])
    checked = {}
    for option, value in options.items():
        if option not in parameters:
            raise unknown_option(name, option, list(parameters))
        checked[option] = _converted(name, option, value, type(parameters[option].default))
    return checked


def unknown_option(name: str, option: str, known: list[str]) -> ConfigError:
    """Error for an unknown option of a network."""
    return ConfigError(
        f"The network {name!r} has no option {option!r}.",
        f"{nearest(option, known)}Available options: {', '.join(known) or 'none'}.",
    )


def _converted(name: str, option: str, value: Any, kind: type) -> Any:
    # YAML reads hidden=256 as an integer, and dropout=0 too; bool is a subclass of int.
    if kind is str and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise ConfigError(
            f"The option {option!r} of {name!r} expects {_WORDS[kind]}, found {value!r}.",
            "Change network.options.",
        )
    return value


def check_channels(name: str, channels: int) -> None:
    """Raise ``ConfigError`` unless the number of channels is 1 (grey) or 3 (RGB)."""
    if channels not in (1, 3):
        raise ConfigError(f"{name} expects 1 or 3 channels, found {channels}.")


def check_at_least(name: str, option: str, value: int, least: int) -> None:
    """Raise ``ConfigError`` if an option is below its minimum."""
    if value < least:
        raise ConfigError(f"{name} expects {option} of at least {least}, found {value}.")


def check_dropout(name: str, value: float) -> None:
    """Raise ``ConfigError`` unless a dropout probability is in [0, 1)."""
    if not 0 <= value < 1:
        raise ConfigError(f"{name} expects dropout in [0, 1), found {value}.")
