"""Registry of networks, and ``build_network``."""

import contextlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from classifier.models.network import TIMM, BuiltNetwork
from classifier.models.option_checks import checked_options
from classifier.models.timm_networks import build_timm, timm_names
from classifier.models.torchvision_networks import build_torchvision, torchvision_names
from faceswap.core.config_errors import nearest
from faceswap.core.errors import ConfigError
from faceswap.core.optional import MissingExtraError
from faceswap.core.registry import Registry

networks: Registry[Callable[..., BuiltNetwork]] = Registry("network")
"""Builders ``(classes: int, **options)`` of the networks of this package. A network whose input
size can be chosen has an option ``size``."""


def known_networks() -> list[str]:
    """Sorted names of all networks except those of timm (``timm:NAME``)."""
    return sorted({*networks.names(), *torchvision_names()})


def build_network(
    name: str, classes: int, options: Mapping[str, Any], size: int | None = None
) -> BuiltNetwork:
    """Build a network by name, with weights initialised from torch's global generator.

    Args:
        name: Network of this package or of torchvision (in this order), or ``timm:NAME``.
        classes: Number of outputs.
        options: Options of the network.
        size: Side of the input images in pixels; None for the network's default.

    Raises:
        ConfigError: Unknown network or option, or unsupported size.
    """
    if name in networks.names():
        return _build_own(name, classes, options, size)
    if name.startswith(TIMM):
        return build_timm(name.removeprefix(TIMM), classes, options, size)
    if name in torchvision_names():
        return build_torchvision(name, classes, options, size)
    raise _unknown(name)


def _build_own(
    name: str, classes: int, options: Mapping[str, Any], size: int | None
) -> BuiltNetwork:
    build = networks.get(name)
    given = checked_options(name, build, options)
    if size is not None and "size" in inspect.signature(build).parameters:
        if given.get("size", size) != size:
            raise ConfigError(
                f"The size of {name!r} is given twice: {size}, and {given['size']} as an option.",
                "Remove network.options.size.",
            )
        given["size"] = size
    built = build(classes, **given)
    if size not in (None, built.input.size):
        raise ConfigError(
            f"{name} expects images of {built.input.size} pixels, found size {size}.",
            "Remove network.size.",
        )
    return built


def _unknown(name: str) -> ConfigError:
    known = known_networks()
    near = nearest(name, known)
    if not near:
        with contextlib.suppress(MissingExtraError):
            near = nearest(TIMM + name, [TIMM + other for other in timm_names()])
    return ConfigError(
        f"Unknown network {name!r}.",
        f"{near}Known networks: {', '.join(known)}; and {TIMM}NAME.",
    )
