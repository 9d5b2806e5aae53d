"""Which weights of a training are evaluated and exported."""

from collections.abc import Mapping
from typing import Any

from faceswap.core.ema import EMA
from faceswap.models.autoencoder import FaceAutoencoder


class ModelChoice:
    """The trained weights or their moving average: whichever was better on held-out faces.

    Before the first evaluation, and without held-out faces, it is the moving average.

    Args:
        model: The model that is trained.
        ema: Moving average of the weights of the model, or None.

    Attributes:
        models: The models, by whether they have the moving average.
        averaged: Whether the moving average is the choice.
    """

    def __init__(self, model: FaceAutoencoder, ema: EMA | None) -> None:
        self.models = {False: model}
        self.averaged = ema is not None
        if ema is not None:
            assert isinstance(ema.module, FaceAutoencoder)
            self.models[True] = ema.module

    @property
    def model(self) -> FaceAutoencoder:
        """The chosen model."""
        return self.models[self.averaged]

    def state_dict(self) -> dict[str, Any]:
        """The choice, as JSON values; empty without a moving average."""
        return {"averaged": self.averaged} if len(self.models) > 1 else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what ``state_dict`` gave."""
        self.averaged = bool(state.get("averaged", True)) and True in self.models
