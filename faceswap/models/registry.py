"""Models by name."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from faceswap.core.config_errors import nearest
from faceswap.core.errors import ConfigError
from faceswap.core.registry import Registry
from faceswap.models.autoencoder import FaceAutoencoder

models: Registry[Callable[..., FaceAutoencoder]] = Registry("model")
"""Functions ``(identities, **options) -> FaceAutoencoder``; an option's default gives its type."""


def check_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a model with its defaults filled in.

    Raises:
        ConfigError: There is no such model, it has no such option, or a value is of the wrong type.
    """
    parameters = list(inspect.signature(models.get(name)).parameters.values())[1:]
    known = {parameter.name: parameter.default for parameter in parameters}
    for key, value in options.items():
        if key not in known:
            raise ConfigError(
                f"The model {name!r} has no option {key!r}.",
                f"{nearest(key, list(known))}It has: {', '.join(known) or 'none'}.",
            )
        if type(value) is not type(known[key]):
            raise ConfigError(
                f"The option {key!r} of the model {name!r} should be like {known[key]!r}, "
                f"found {value!r}.",
                f"For example: --set model.options.{key}={known[key]}",
            )
    return known | dict(options)


def build_model(
    name: str, identities: Sequence[str], options: Mapping[str, Any] | None = None
) -> FaceAutoencoder:
    """A new model with random weights, drawn from torch's global generator.

    Args:
        name: Key in the registry.
        identities: Names of the people it shall draw, in the order of a training batch.
        options: Options of that model.

    Raises:
        ConfigError: As ``check_options``.
    """
    checked = check_options(name, options or {})
    return models.get(name)(identities, **checked)
