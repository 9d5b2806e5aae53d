"""Registry of face autoencoders."""

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
    """Validates the options of a model and fills in its defaults.

    Raises:
        ConfigError: The model or an option is unknown, or a value has the wrong type.
    """
    parameters = list(inspect.signature(models.get(name)).parameters.values())[1:]
    known = {parameter.name: parameter.default for parameter in parameters}
    for key, value in options.items():
        if key not in known:
            raise ConfigError(
                f"The model {name!r} has no option {key!r}.",
                f"{nearest(key, list(known))}Its options are: {', '.join(known) or 'none'}.",
            )
        if type(value) is not type(known[key]):
            raise ConfigError(
                f"Expected a value like {known[key]!r} for the option {key!r} of the model "
                f"{name!r}, found {value!r}.",
                f"For example: --set model.options.{key}={known[key]}",
            )
    return known | dict(options)


def build_model(
    name: str, identities: Sequence[str], options: Mapping[str, Any] | None = None
) -> FaceAutoencoder:
    """Builds a model with random weights from torch's global generator.

    Args:
        name: Key in the registry.
        identities: Names of the identities, in the order of a training batch.
        options: Options of the model; None for its defaults.

    Raises:
        ConfigError: The model or an option is unknown, or a value has the wrong type.
    """
    checked = check_options(name, options or {})
    model = models.get(name)(identities, **checked)
    model.options = checked
    return model
