"""Trains a network on labelled images."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from classifier.data.batches import BatchPlan, normalise
from classifier.data.folders import LabelledImages
from classifier.models.registry import BuiltNetwork
from faceswap.core.checkpoint import (
    flatten_optimizer,
    load_checkpoint,
    mark_best,
    restore_optimizer,
    save_checkpoint,
)
from faceswap.core.errors import CheckpointError, TrainingError


@dataclass(frozen=True)
class EpochResult:
    """How one epoch went.

    Attributes:
        epoch: Counted from 1.
        train_loss: Mean cross-entropy of its batches.
        loss: Mean cross-entropy on the images kept aside.
        accuracy: Share of those that were classified rightly.
        images_per_second: Training throughput over all processes.
    """

    epoch: int
    train_loss: float
    loss: float
    accuracy: float
    images_per_second: float


class Trainer:
    """A network, its optimizer and its data, which can be stopped and resumed after any epoch.

    Args:
        network: What to train.
        train: Images to learn from.
        validation: Images kept aside.
        plan: How batches are made.
        lr: Learning rate of AdamW.
        weight_decay: Of AdamW.
        accelerator: Owns device, processes and precision.
        checkpoints: Folder of the checkpoints.
        keep: How many to keep.
    """

    def __init__(
        self,
        network: BuiltNetwork,
        train: LabelledImages,
        validation: LabelledImages,
        plan: BatchPlan,
        *,
        lr: float,
        weight_decay: float,
        accelerator: Accelerator,
        checkpoints: Path,
        keep: int,
    ) -> None:
        self.form, self.plan = network.input, plan
        self.data, self.validation = train, validation
        self.accelerator = accelerator
        self.checkpoints, self.keep = checkpoints, keep
        self.history: list[EpochResult] = []
        optimizer = torch.optim.AdamW(network.module.parameters(), lr=lr, weight_decay=weight_decay)
        self.net: nn.Module
        self.net, self.optimizer = accelerator.prepare(network.module, optimizer)

    @property
    def module(self) -> nn.Module:
        """The network without what Accelerate put around it."""
        return self.accelerator.unwrap_model(self.net)

    @property
    def images_per_epoch(self) -> int:
        """Over all processes."""
        return self.plan.steps(self.data) * self.plan.batch_size

    def resume(self) -> int:
        """Loads the last checkpoint, if there is one.

        Returns:
            Number of epochs that are done.

        Raises:
            CheckpointError: None can be used, or it belongs to another network.
        """
        found = load_checkpoint(self.checkpoints)
        if found is None:
            return 0
        try:
            self.module.load_state_dict(found.tensors["network"])
        except RuntimeError as error:
            raise CheckpointError(
                f"{found.path} belongs to another network.", "Choose another output folder."
            ) from error
        restore_optimizer(self.optimizer, found.tensors["optimizer"], found.state["optimizer"])
        if self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(found.state["scaler"])
        self.history = [EpochResult(**entry) for entry in found.state["history"]]
        return found.step

    def run(
        self,
        epochs: int,
        on_batch: Callable[[int], None] = lambda _: None,
        on_epoch: Callable[[EpochResult], None] = lambda _: None,
    ) -> list[EpochResult]:
        """Trains until that many epochs are done in all, saving after each.

        Args:
            epochs: Where to stop, counted from the start of the run.
            on_batch: Called with the number of images after each step.
            on_epoch: Called with the result of each epoch.

        Returns:
            Results of all epochs, those before a resume included.

        Raises:
            TrainingError: The loss is no longer a number.
        """
        for epoch in range(len(self.history), epochs):
            begun = time.perf_counter()
            train_loss = self._train_epoch(epoch, on_batch)
            speed = self.images_per_epoch / (time.perf_counter() - begun)
            loss, accuracy = self.evaluate()
            self.history.append(EpochResult(epoch + 1, train_loss, loss, accuracy, speed))
            self._save()
            on_epoch(self.history[-1])
        return self.history

    def _train_epoch(self, epoch: int, on_batch: Callable[[int], None]) -> float:
        self.net.train()
        total = torch.zeros((), device=self.accelerator.device)
        for images, labels in self.plan.epoch(self.data, epoch):
            logits = self.net(self._to_device(images))
            loss = cross_entropy(logits, labels.to(logits.device))
            self.accelerator.backward(loss)
            self.optimizer.step()
            self.optimizer.zero_grad()
            total += loss.detach()
            on_batch(self.plan.batch_size)
        mean = self._mean_over_processes(total / self.plan.steps(self.data)).item()
        if not torch.isfinite(torch.tensor(mean)):
            raise TrainingError(
                f"The loss is no longer a number in epoch {epoch + 1}.",
                "The checkpoint before it is intact. Start anew with a lower --set optimizer.lr.",
            )
        return mean

    @torch.no_grad()
    def evaluate(self) -> tuple[float, float]:
        """Mean cross-entropy and accuracy on the images kept aside."""
        self.net.eval()
        sums = torch.zeros(3, device=self.accelerator.device)  # loss, right, images
        mine = range(self.plan.rank, len(self.validation), self.plan.world)
        for first in range(0, len(mine), self.plan.batch_size):
            chosen = list(mine[first : first + self.plan.batch_size])
            images = torch.from_numpy(self.validation.images[chosen])
            logits = self.module(self._to_device(images)).float()
            labels = torch.from_numpy(self.validation.labels[chosen]).to(logits.device)
            sums[0] += cross_entropy(logits, labels, reduction="sum")
            sums[1] += (logits.argmax(1) == labels).sum()
            sums[2] += len(labels)
        loss, right, count = self._sum_over_processes(sums).tolist()
        return loss / count, right / count

    def _to_device(self, images: Tensor) -> Tensor:
        return normalise(images.to(self.accelerator.device, non_blocking=True), self.form)

    def _sum_over_processes(self, value: Tensor) -> Tensor:
        reduced = self.accelerator.reduce(value, "sum")
        assert isinstance(reduced, Tensor)
        return reduced

    def _mean_over_processes(self, value: Tensor) -> Tensor:
        return self._sum_over_processes(value) / self.plan.world

    def _save(self) -> None:
        if self.accelerator.is_main_process:
            tensors, values = flatten_optimizer(self.optimizer)
            scaler = self.accelerator.scaler
            state = {
                "optimizer": values,
                "scaler": None if scaler is None else scaler.state_dict(),
                "history": [asdict(entry) for entry in self.history],
            }
            groups = {"network": self.module.state_dict(), "optimizer": tensors}
            step = len(self.history)
            save_checkpoint(self.checkpoints, step, groups, state, self.keep)
            if self.history[-1] == max(self.history, key=lambda entry: entry.accuracy):
                mark_best(self.checkpoints, step)
        self.accelerator.wait_for_everyone()
