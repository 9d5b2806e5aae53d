"""Which of a training's models is better, and how good it is."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import isfinite
from statistics import fmean

import torch

from faceswap.core.log import get_logger
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.training.monitoring.held_out import Quality, evaluate
from faceswap.training.monitoring.shown_faces import ShownFaces
from faceswap.training.monitoring.swaps import SwapMeasurement, Swaps
from faceswap.training.run.choice import ModelChoice
from faceswap.training.run.progress import SSIM, Progress

_log = get_logger(__name__)

SWAP_SCORE = "the swap score"
"""Name of the measure of ``Measured.score`` where swaps are measured, for messages."""

JUDGED_WITHOUT_IDENTITY = f"{SWAP_SCORE} without identity"
"""The same where the recognition network may not judge the identity."""


@dataclass(frozen=True)
class Measured:
    """Result of an evaluation.

    Attributes:
        quality: Metrics of each identity on held-out faces; empty without held-out faces.
        swaps: Metrics of swaps of held-out faces; empty where none can be measured.
        counts_identity: Whether the identity is part of the scores of the swaps.
    """

    quality: dict[str, Quality]
    swaps: Swaps = field(default_factory=dict)
    counts_identity: bool = True

    @property
    def measure(self) -> str:
        """Name of what decides, for messages; scores of another measure are not comparable."""
        if not self.swaps:
            return SSIM
        return SWAP_SCORE if self.counts_identity else JUDGED_WITHOUT_IDENTITY

    @property
    def score(self) -> tuple[float, ...] | None:
        """Values that decide which evaluation is best, higher is better, compared from the left.

        The mean score of the swaps, then the mean SSIM of the reconstructions; the latter alone
        where no swaps are measured. None without held-out faces.
        """
        if not self.quality:
            return None
        if not self.swaps:
            return (fmean(q.ssim for q in self.quality.values()),)
        known = [q.ssim for q in self.quality.values() if isfinite(q.ssim)]
        return fmean(swap.score for swap in self.swaps.values()), fmean(known)

    def figures(self) -> dict[str, float]:
        """The metrics that have a value, by the names of their curves in TensorBoard."""
        values = {}
        for name, each in self.quality.items():
            values |= {
                f"held-out {figure}/{name}": value
                for figure, value in asdict(each).items()
                if isfinite(value)
            }
        for (source, target), swap in self.swaps.items():
            for figure, value in asdict(swap).items():
                if value is not None and figure != "fidelity":  # it is the SSIM of the target
                    values[f"swap {figure.replace('_', ' ')}/{source} as {target}"] = value
        if self.swaps and (score := self.score):
            values["swap score/all"] = score[0]
        return values


NOTHING_MEASURED = Measured({})
"""The result before the first evaluation."""


class Measurement:
    """Evaluates the models of a training; used by the first process only.

    Args:
        choice: Models to evaluate, not wrapped by Accelerate; set to the better one.
        held_out: Held-out faces of each identity.
        swaps: Evaluation of swaps between them.
        device: Device of the models.
        bf16: Whether to compute in bf16.
    """

    def __init__(
        self,
        choice: ModelChoice,
        held_out: Mapping[str, ShownFaces],
        swaps: SwapMeasurement,
        device: torch.device,
        bf16: bool,
    ) -> None:
        self._choice, self._held_out, self._swaps = choice, held_out, swaps
        self._device, self._bf16 = device, bf16

    def measure(self) -> Measured:
        """Evaluates the weights and their moving average; the better ones become the choice."""
        measured = {
            averaged: self._measure(model) for averaged, model in self._choice.models.items()
        }
        scores = {averaged: each.score for averaged, each in measured.items()}
        known = {
            each: score for each, score in scores.items() if score and all(map(isfinite, score))
        }
        if known:
            self._choice.averaged = max(known, key=lambda averaged: (known[averaged], averaged))
        return measured[self._choice.averaged]

    def _measure(self, model: FaceAutoencoder) -> Measured:
        model.eval()
        quality = evaluate(model, self._held_out, self._device, self._bf16)
        swaps = self._swaps.measure(model, quality, self._device, self._bf16)
        model.train()
        return Measured(quality, swaps, self._swaps.counts_identity)


def judge(measured: Measured, progress: Progress, *, due: bool) -> None:
    """Records an evaluation in the progress of a training; nothing without held-out faces.

    Args:
        measured: Result of the evaluation.
        progress: Progress, changed in place.
        due: Whether it counts for the patience of the phase.
    """
    score = measured.score
    if score is None:
        return
    before = progress.measure
    if progress.change_measure(measured.measure):
        _log.info(
            "The best checkpoint is chosen anew, by %s instead of %s.", measured.measure, before
        )
    progress.evaluated(*score)
    if due:
        progress.evaluated_in_phase(*score)
