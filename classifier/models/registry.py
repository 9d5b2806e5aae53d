"""Networks by name, and what a network says about itself."""

import contextlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from classifier.models.network import TIMM, BuiltNetwork
from classifier.models.option_checks import checked_options
from faceswap.core.config_errors import nearest
from faceswap.core.errors import ConfigError
from faceswap.core.optional import MissingExtraError
from faceswap.core.registry import Registry

networks: Registry[Callable[..., BuiltNetwork]] = Registry("network")
"""Functions ``(classes: int, **options)`` of our own networks. One that can be built for other
sides has an option ``size``."""


def known_networks() -> list[str]:
    """Names of our networks and of torchvision's; ``timm:NAME`` is known besides."""
    from classifier.models.torchvision_networks import torchvision_names

    return sorted({*networks.names(), *torchvision_names()})


def build_network(
    name: str, classes: int, options: Mapping[str, Any], size: int | None = None
) -> BuiltNetwork:
    """Builds a network by name; its weights are drawn from torch's global generator.

    Args:
        name: One of ours, one of torchvision's, or ``timm:NAME``. Ours go before torchvision's.
        classes: Number of outputs.
        options: Options of that network.
        size: Side of the images it shall take; the network's own if None.

    Raises:
        ConfigError: There is no such network, it has no such option, or does not take that size.
    """
    if name in networks.names():
        return _build_own(name, classes, options, size)
    if name.startswith(TIMM):
        from classifier.models.timm_networks import build_timm

        return build_timm(name.removeprefix(TIMM), classes, options, size)
    from classifier.models.torchvision_networks import build_torchvision, torchvision_names

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
                "Leave the option out.",
            )
        given["size"] = size
    built = build(classes, **given)
    if size not in (None, built.input.size):
        raise ConfigError(
            f"{name} takes images of {built.input.size} pixels and no others, found {size}.",
            "Leave the size out.",
        )
    return built


def _unknown(name: str) -> ConfigError:
    known = known_networks()
    near = nearest(name, known)
    if not near:
        from classifier.models.timm_networks import timm_names

        with contextlib.suppress(MissingExtraError):
            near = nearest(TIMM + name, [TIMM + other for other in timm_names()])
    return ConfigError(
        f"There is no network called {name!r}.",
        f"{near}Known networks: {', '.join(known)}; and {TIMM}NAME.",
    )
