"""What a training tells: log lines, TensorBoard, previews, metrics on held-out faces."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

import cv2
import torch
from torch import Tensor

from faceswap.core.files import atomic_write
from faceswap.core.tensorboard_log import open_scalar_log
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.training.held_out import Quality, evaluate
from faceswap.training.preview import preview_grid
from faceswap.training.run_directory import RunDirectory


@dataclass(frozen=True)
class Progress:
    """How training stands.

    Attributes:
        step: Finished steps.
        seconds: Time spent, over all starts of the run.
        share: Share of the budget used up, 0 to 1.
        losses: For each identity, the mean loss since the last report; empty in the first one.
        rate: The learning rate.
        faces_per_second: Speed since the last report, all processes together.
        waiting: Share of the time spent waiting for data, 0 to 1.
    """

    step: int
    seconds: float
    share: float
    losses: dict[str, float]
    rate: float
    faces_per_second: float
    waiting: float


class Reporter:
    """Writes what the first of the processes tells.

    Args:
        run: Where to.
        model: What is trained, not wrapped.
        held_out: For each identity, faces ``(N, 4, S, S)`` it is not trained on.
        device: Where the model is.
        bf16: Whether to compute in bf16.
        step: Finished steps; later entries of an earlier start are dropped.
    """

    def __init__(
        self,
        run: RunDirectory,
        model: FaceAutoencoder,
        held_out: Mapping[str, Tensor],
        device: torch.device,
        bf16: bool,
        step: int,
    ) -> None:
        self._run, self._model, self._held_out = run, model, held_out
        self._device, self._bf16 = device, bf16
        self._writer = open_scalar_log(run.logs, purge_step=step + 1)

    def close(self) -> None:
        """Writes what is pending."""
        self._writer.close()

    def log(self, progress: Progress) -> None:
        """Adds a point to the curves."""
        values = {f"loss/{name}": loss for name, loss in progress.losses.items()} | {
            "training/learning rate": progress.rate,
            "training/faces per second": progress.faces_per_second,
            "training/waiting for data": progress.waiting,
        }
        for name, value in values.items():
            self._writer.add_scalar(name, value, progress.step)

    def measure(self, step: int) -> dict[str, Quality]:
        """Metrics on held-out faces of each identity; empty when there are none."""
        self._model.eval()
        quality = evaluate(self._model, self._held_out, self._device, self._bf16)
        self._model.train()
        for name, q in quality.items():
            self._writer.add_scalar(f"held-out ssim/{name}", q.ssim, step)
            self._writer.add_scalar(f"held-out l1/{name}", q.l1, step)
        return quality

    def show(self, faces: Mapping[str, Tensor], step: int) -> None:
        """Writes the preview ``step-*.jpg`` of ``faces``, ``(N, 4, S, S)`` for each identity."""
        self._model.eval()
        image = preview_grid(self._model, faces, self._device, self._bf16)
        self._model.train()
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
        atomic_write(self._run.previews / f"step-{step:08d}.jpg", encoded.tobytes())


def mean_ssim(quality: Mapping[str, Quality]) -> float | None:
    """Mean over the identities, or None without held-out faces."""
    return fmean(q.ssim for q in quality.values()) if quality else None
