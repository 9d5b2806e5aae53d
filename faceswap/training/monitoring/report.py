"""Reports of a training: TensorBoard log, previews and held-out metrics."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from statistics import fmean

import torch

from faceswap.core.tensorboard_log import open_scalar_log
from faceswap.models.model_file import ModelMeta
from faceswap.training.monitoring.held_out import Quality, evaluate
from faceswap.training.monitoring.preview import preview_grid
from faceswap.training.monitoring.preview_writer import PreviewWriter
from faceswap.training.monitoring.shown_faces import ShownFaces
from faceswap.training.run.choice import ModelChoice
from faceswap.training.run.run_directory import RunDirectory


@dataclass(frozen=True)
class StepReport:
    """Report on the steps since the last one.

    Attributes:
        step: Number of finished steps, over all starts of the run.
        seconds: Elapsed training time, over all starts.
        fraction: Fraction of the budget used up, 0 to 1.
        losses: Mean loss of each identity since the last report; empty in the first report.
        lr: Learning rate.
        faces_per_second: Throughput since the last report, over all processes.
        waiting: Fraction of the time spent waiting for data, 0 to 1.
        figures: Further figures of the last step, by the name that they have in the log.
        phase: Name of the phase; "" for a training without phases.
    """

    step: int
    seconds: float
    fraction: float
    losses: dict[str, float]
    lr: float
    faces_per_second: float
    waiting: float
    figures: Mapping[str, float] = field(default_factory=dict)
    phase: str = ""


@dataclass(frozen=True)
class Callbacks:
    """Callbacks of a training; called in the first process only.

    Attributes:
        on_faces: Callback with the number of faces added to the cache since the last call.
        on_step: Callback with a report at the start and every few steps.
    """

    on_faces: Callable[[int], object] = lambda _: None
    on_step: Callable[[StepReport], object] = lambda _: None


NO_CALLBACKS = Callbacks()
"""Callbacks that do nothing."""


class Reporter:
    """Writes the log and the previews of a run; used by the first process only.

    Args:
        run: Folder of the run.
        choice: Models to evaluate, not wrapped by Accelerate; set to the better one.
        meta: Metadata of the model, for the manifests of the previews.
        held_out: Held-out faces of each identity.
        device: Device of the model.
        bf16: Whether to compute in bf16.
        step: Number of finished steps; later log entries of earlier starts are dropped.
    """

    def __init__(
        self,
        run: RunDirectory,
        choice: ModelChoice,
        meta: ModelMeta,
        held_out: Mapping[str, ShownFaces],
        device: torch.device,
        bf16: bool,
        step: int,
    ) -> None:
        self._choice, self._held_out = choice, held_out
        self._previews = PreviewWriter(run.previews, meta)
        self._device, self._bf16 = device, bf16
        self._writer = open_scalar_log(run.logs, purge_step=step + 1)

    def close(self) -> None:
        """Flushes and closes the log."""
        self._writer.close()

    def log(self, report: StepReport) -> None:
        """Adds an entry to the log."""
        values = {f"loss/{name}": loss for name, loss in report.losses.items()} | {
            "training/learning rate": report.lr,
            "training/faces per second": report.faces_per_second,
            "training/waiting for data": report.waiting,
            **report.figures,
        }
        for name, value in values.items():
            self._writer.add_scalar(name, value, report.step)

    def measure(self, step: int) -> dict[str, Quality]:
        """Metrics of each identity on held-out faces; empty without held-out faces.

        Of the weights and their moving average, those with the higher mean SSIM become the choice.
        """
        measured = {}
        for averaged, model in self._choice.models.items():
            model.eval()
            measured[averaged] = evaluate(model, self._held_out, self._device, self._bf16)
            model.train()
        quality = self._choose(measured)
        for name, q in quality.items():
            self._writer.add_scalar(f"held-out ssim/{name}", q.ssim, step)
            self._writer.add_scalar(f"held-out l1/{name}", q.l1, step)
        return quality

    def _choose(self, measured: Mapping[bool, dict[str, Quality]]) -> dict[str, Quality]:
        scores = {each: mean_ssim(quality) for each, quality in measured.items()}
        known = {each: score for each, score in scores.items() if score and isfinite(score)}
        if known:
            self._choice.averaged = max(known, key=lambda averaged: (known[averaged], averaged))
        return measured[self._choice.averaged]

    def has_shown(self, step: int) -> bool:
        """Whether the preview of a step was written."""
        return self._previews.path(step).is_file()

    def show(self, faces: Mapping[str, ShownFaces], step: int) -> None:
        """Writes the preview ``step-*.jpg`` of faces of each identity."""
        model = self._choice.model.eval()
        image = preview_grid(model, faces, self._device, self._bf16)
        model.train()
        self._previews.write(image, step)


def mean_ssim(quality: Mapping[str, Quality]) -> float | None:
    """Mean SSIM over the identities, or None without held-out faces."""
    return fmean(q.ssim for q in quality.values()) if quality else None
