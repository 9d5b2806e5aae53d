"""Optional dependencies: libraries that only some commands need and an extra installs."""

import importlib
from types import ModuleType
from typing import Literal

from faceswap.core.errors import FaceswapError

Extra = Literal["export", "notebook", "nvdec", "ray", "s3", "tensorboard", "timm"]
"""Extras of the distribution, as declared in ``pyproject.toml``."""


class MissingExtraError(FaceswapError):
    """An optional dependency that is not installed."""


def install_command(extra: Extra) -> str:
    """Return the command that installs an extra."""
    return f'pip install "faceswap-toolkit[{extra}]"'


def require(module: str, extra: Extra) -> ModuleType:
    """Import an optional dependency.

    Args:
        module: Module to import.
        extra: Extra that installs it.

    Returns:
        The module. Code that wants its types imports it as usual on the next line.

    Raises:
        MissingExtraError: The module, or one that it imports, is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{error.name or module} is not installed.", f"Run: {install_command(extra)}"
        ) from error
