"""Checks of the options of models."""

from faceswap.core.errors import ConfigError

LARGEST_CODE = 1 << 14
"""Largest number of elements of a code."""

LARGEST_WIDTH = 4096
"""Largest number of channels that an option sets."""

MOST_WEIGHTS = 1 << 29
"""Largest number of weights of a dense layer: 2 GiB."""

_COMMON = 64  # what most options may be


def check_range(model: str, lowest: float, highest: float, **options: float) -> None:
    """Checks that numeric options of a model are within a range.

    Args:
        model: Name of the model, for the message.
        lowest: Smallest value allowed.
        highest: Largest value allowed.
        options: Value of each option by its name.

    Raises:
        ConfigError: One is not.
    """
    for name, value in options.items():
        if not lowest <= value <= highest:  # also NaN
            example = highest if value > highest else max(lowest, min(_COMMON, highest))
            raise ConfigError(
                f"Expected {lowest} to {highest} as {name} of the model {model!r}, found {value}.",
                f"For example: --set model.options.{name}={type(value)(example)}",
            )


def check_side(model: str, step: int, lowest: int, highest: int, **options: int) -> None:
    """Checks that options of a model are sides in pixels that its layers can halve or double.

    Args:
        model: Name of the model, for the message.
        step: Number of pixels that each side is a multiple of.
        lowest: Smallest side, a multiple of ``step``.
        highest: Largest side, a multiple of ``step``.
        options: Side in pixels of each option by its name.

    Raises:
        ConfigError: One is no such side.
    """
    for name, side in options.items():
        if not lowest <= side <= highest or side % step:
            nearest = min(max(round(side / step) * step, lowest), highest)
            raise ConfigError(
                f"Expected a multiple of {step} from {lowest} to {highest} as the {name} of the "
                f"model {model!r}, found {side}.",
                f"Use --set model.options.{name}={nearest}.",
            )


def check_dense(inputs: int, outputs: int) -> None:
    """Checks that a dense layer between features and a code is not too large.

    Raises:
        ConfigError: It would have more than ``MOST_WEIGHTS`` weights.
    """
    if inputs * outputs > MOST_WEIGHTS:
        raise ConfigError(
            f"A dense layer of this model would have {inputs} times {outputs} weights; expected "
            f"at most {MOST_WEIGHTS / 1e6:.0f} million.",
            "Choose smaller faces, a shorter code, fewer channels or a deeper encoder.",
        )
