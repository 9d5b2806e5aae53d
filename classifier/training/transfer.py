"""Transfer learning: learning rates of layers, and which layers are trained when."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from classifier.models.anatomy import LayerGroup

Mode = Literal["scratch", "features", "finetune", "gradual"]


@dataclass(frozen=True)
class Transfer:
    """Which layers are trained, and at which learning rate.

    Attributes:
        mode: ``scratch``: all layers at the same rate. ``features``: the head only. ``finetune``:
            the rate decreases geometrically from the head to the input. ``gradual``: as
            ``finetune``, with groups unfrozen one after another, starting from the head (Howard &
            Ruder, 2018: universal language model fine-tuning).
        groups: Groups of layers, from the input to the head.
        first_rate: Learning rate of the first group over that of the head, 0 to 1.
        unfreeze_every: Epochs until ``gradual`` unfreezes the next group.
    """

    mode: Mode
    groups: Sequence[LayerGroup]
    first_rate: float = 1.0
    unfreeze_every: int = 1

    def trainable_groups(self, epoch: int) -> int:
        """Number of groups, counted from the head, that are trained in an epoch (from 0)."""
        if self.mode == "features":
            return 1
        if self.mode == "gradual":
            return min(len(self.groups), 1 + epoch // self.unfreeze_every)
        return len(self.groups)

    def parameter_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Parameter groups for an optimizer, each with the ``scale`` of its learning rate.

        Parameters with one dimension (biases, norms) have no weight decay.
        """
        found: list[dict[str, Any]] = []
        seen: set[int] = set()
        for distance, group in enumerate(reversed(self.groups)):
            if self.mode == "features" and distance:
                break
            alike = self.mode in ("scratch", "features")
            depth = distance / max(len(self.groups) - 1, 1)
            scale = 1.0 if alike else self.first_rate**depth
            # Tied weights belong to the group nearest to the head.
            new = [p for p in group.parameters() if id(p) not in seen]
            seen |= {id(parameter) for parameter in new}
            for decays in (True, False):
                chosen = [p for p in new if (p.dim() > 1) == decays]
                if chosen:
                    decay = weight_decay if decays else 0.0
                    found.append({"params": chosen, "weight_decay": decay, "scale": scale})
        return found

    def freeze(self, epoch: int) -> None:
        """Freezes all groups that are not trained in an epoch."""
        frozen = len(self.groups) - self.trainable_groups(epoch)
        for number, group in enumerate(self.groups):
            for parameter in group.parameters():
                parameter.requires_grad_(number >= frozen)

    def train_mode(self, module: nn.Module, epoch: int) -> None:
        """Sets training mode; frozen layers stay in evaluation mode, so batch norms do not move."""
        module.train()
        for group in self.groups[: len(self.groups) - self.trainable_groups(epoch)]:
            for part in group.modules:
                part.eval()
