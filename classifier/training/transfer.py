"""Teaching a network that knows something: rates of its layers, and which of them learn when."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from classifier.models.anatomy import LayerGroup

Mode = Literal["scratch", "features", "finetune", "gradual"]


@dataclass(frozen=True)
class Transfer:
    """Which layers learn, and how fast.

    Attributes:
        mode: ``scratch``: all alike. ``features``: the head alone. ``finetune``: the rate falls
            geometrically from the head towards the input. ``gradual``: the same, and at
            first the head alone learns, then one group more after another (Howard & Ruder, 2018:
            universal language model fine-tuning).
        groups: Layers from the input to the head.
        first_rate: Rate of the first group over that of the head, however many lie between.
        unfreeze_every: Epochs until one group more is free.
    """

    mode: Mode
    groups: Sequence[LayerGroup]
    first_rate: float = 1.0
    unfreeze_every: int = 1

    def free(self, epoch: int) -> int:
        """How many groups, counted from the head, learn in an epoch (from 0)."""
        if self.mode == "features":
            return 1
        if self.mode == "gradual":
            return min(len(self.groups), 1 + epoch // self.unfreeze_every)
        return len(self.groups)

    def parameter_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Groups for an optimizer, each with the ``scale`` of its rate.

        Biases and the weights of norms, which have one dimension, do not decay.
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
        """Lets the groups of an epoch learn, and no other."""
        frozen = len(self.groups) - self.free(epoch)
        for number, group in enumerate(self.groups):
            for parameter in group.parameters():
                parameter.requires_grad_(number >= frozen)

    def train_mode(self, module: nn.Module, epoch: int) -> None:
        """Puts a network in training mode, but for frozen layers: their batch norms stay still."""
        module.train()
        for group in self.groups[: len(self.groups) - self.free(epoch)]:
            for part in group.modules:
                part.eval()
