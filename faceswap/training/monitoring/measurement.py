"""Which of a training's models is better, and how good it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from statistics import fmean

import torch

from faceswap.training.monitoring.held_out import Quality, evaluate
from faceswap.training.monitoring.shown_faces import ShownFaces
from faceswap.training.run.choice import ModelChoice

MEASURE = "the held-out SSIM"
"""Name of what ``Measured.score`` measures, for messages."""


@dataclass(frozen=True)
class Measured:
    """Result of an evaluation.

    Attributes:
        quality: Metrics of each identity on held-out faces; empty without held-out faces.
    """

    quality: dict[str, Quality]

    @property
    def score(self) -> tuple[float, ...] | None:
        """Values that decide which evaluation is best, higher is better, compared from the left.

        None without held-out faces.
        """
        return (fmean(q.ssim for q in self.quality.values()),) if self.quality else None


NOTHING_MEASURED = Measured({})
"""The result before the first evaluation."""


class Measurement:
    """Evaluates the models of a training; used by the first process only.

    Args:
        choice: Models to evaluate, not wrapped by Accelerate; set to the better one.
        held_out: Held-out faces of each identity.
        device: Device of the models.
        bf16: Whether to compute in bf16.
    """

    def __init__(
        self,
        choice: ModelChoice,
        held_out: Mapping[str, ShownFaces],
        device: torch.device,
        bf16: bool,
    ) -> None:
        self._choice, self._held_out = choice, held_out
        self._device, self._bf16 = device, bf16

    def measure(self) -> Measured:
        """Evaluates the weights and their moving average; the better ones become the choice."""
        measured = {}
        for averaged, model in self._choice.models.items():
            model.eval()
            measured[averaged] = Measured(evaluate(model, self._held_out, self._device, self._bf16))
            model.train()
        scores = {averaged: each.score for averaged, each in measured.items()}
        known = {
            each: score for each, score in scores.items() if score and all(map(isfinite, score))
        }
        if known:
            self._choice.averaged = max(known, key=lambda averaged: (known[averaged], averaged))
        return measured[self._choice.averaged]
