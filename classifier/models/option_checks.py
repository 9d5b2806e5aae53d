"""What the options of our own networks are checked for, in words for the user."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from faceswap.core.config_errors import nearest
from faceswap.core.errors import ConfigError

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def checked_options(
    name: str, build: Callable[..., object], options: Mapping[str, Any]
) -> dict[str, Any]:
    """The options, each known to the function and of the type of its default.

    Args:
        name: Of the network, for messages.
        build: Its function ``(classes, **options)``; every option has a default.
        options: What the user gave.

    Raises:
        ConfigError: There is no such option, or it is of another type.
    """
    parameters = dict(list(inspect.signature(build).parameters.items())[1:])
    checked = {}
    for option, value in options.items():
        if option not in parameters:
            raise unknown_option(name, option, list(parameters))
        checked[option] = _converted(name, option, value, type(parameters[option].default))
    return checked


def unknown_option(name: str, option: str, known: list[str]) -> ConfigError:
    """The error for an option that the network does not have."""
    return ConfigError(
        f"The network {name!r} has no option {option!r}.",
        f"{nearest(option, known)}It has: {', '.join(known) or 'none'}.",
    )


def _converted(name: str, option: str, value: Any, kind: type) -> Any:
    # "hidden=256" is read as a number, a rate of 0 as a whole one; bool passes for int in Python.
    if kind is str and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise ConfigError(
            f"The option {option!r} of {name!r} takes {_WORDS[kind]}, found {value!r}.",
            "Correct it in network.options.",
        )
    return value


def check_channels(name: str, channels: int) -> None:
    """Raises ``ConfigError`` unless images are grey (1) or RGB (3)."""
    if channels not in (1, 3):
        raise ConfigError(f"{name} takes 1 or 3 channels, found {channels}.")


def check_at_least(name: str, option: str, value: int, least: int) -> None:
    """Raises ``ConfigError`` if a number is too small."""
    if value < least:
        raise ConfigError(f"{name} takes {option} of at least {least}, found {value}.")


def check_dropout(name: str, value: float) -> None:
    """Raises ``ConfigError`` unless it is in [0, 1)."""
    if not 0 <= value < 1:
        raise ConfigError(f"{name} takes dropout from 0 to below 1, found {value}.")
