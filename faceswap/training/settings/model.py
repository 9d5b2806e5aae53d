"""Settings of the model."""

from typing import Any

from pydantic import Field

from faceswap.core.config import StrictModel


class ModelConfig(StrictModel):
    """The model to train."""

    name: str = Field(default="original", description="Name of the model.")
    options: dict[str, Any] = Field(default={}, description="Options of that model.")
    start_from: list[str] = Field(
        default=[],
        description="Runs or models whose weights a new run starts from, each with its parts after "
        "a colon: runs/base:encoder,decoder.carol=decoder.bob.",
    )
