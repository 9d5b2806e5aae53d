"""Exponential moving average of a network's weights."""

import copy
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from faceswap.core.shards import shard_of


class EMA:
    """Exponential moving average of weights over the steps (Polyak & Juditsky, 1992).

    Batch-norm statistics are averaged too, so that they belong to the averaged weights; integer
    buffers are copied. Layers with a true attribute ``constant`` are left alone.

    Args:
        module: The network before its first step; it is copied.
        decay: Decay per step, below 1. After n steps at most (1 + n) / (10 + n) is used, so that
            the random initial weights fade quickly.

    Attributes:
        module: Copy of the network with the averaged weights, in evaluation mode.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module = copy.deepcopy(module).requires_grad_(False).eval()  # noqa: FBT003 (torch)
        self._decay, self._source = decay, module

    @torch.no_grad()
    def update(self, steps: int) -> None:
        """Adds the network's current weights to the average.

        Args:
            steps: Number of updates before this one, over all starts of the run.
        """
        decay = min(self._decay, (1 + steps) / (10 + steps))
        floats = [pair for pair in self._pairs if pair[0].is_floating_point()]
        means, current = [mean for mean, _ in floats], [value for _, value in floats]
        get_ema_multi_avg_fn(decay)(means, current, steps)
        for mean, value in self._pairs:
            if not mean.is_floating_point():
                mean.copy_(value)

    @cached_property
    def _pairs(self) -> list[tuple[Tensor, Tensor]]:
        # At the first update: until then, both networks may be divided over the processes.
        return _pairs(self.module, self._source)


def _pairs(mean: nn.Module, module: nn.Module) -> list[tuple[Tensor, Tensor]]:
    means, current = mean.state_dict(keep_vars=True), module.state_dict(keep_vars=True)
    constant = {
        f"{name}.{key}"
        for name, layer in mean.named_modules()
        if getattr(layer, "constant", False)
        for key in layer.state_dict()
    }
    names = [name for name in means if name not in constant]
    return [(shard_of(means[name]), shard_of(current[name])) for name in names]
