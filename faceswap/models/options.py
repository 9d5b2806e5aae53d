"""Checks of the options of models."""

from faceswap.core.errors import ConfigError


def check_positive(model: str, **options: int) -> None:
    """Checks that options of a model are at least 1.

    Args:
        model: Name of the model, for the message.
        options: Value of each option by its name.

    Raises:
        ConfigError: One is not.
    """
    for name, value in options.items():
        if value < 1:
            raise ConfigError(
                f"Expected at least 1 as {name} of the model {model!r}, found {value}.",
                f"For example: --set model.options.{name}=64",
            )
