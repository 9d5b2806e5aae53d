"""The running mean of a network's weights, which is often better than the weights themselves."""

import copy

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class WeightMean:
    """An exponential mean of weights over the steps (Polyak & Juditsky, 1992).

    The statistics of batch norms are averaged alike, so that they belong to the mean weights.
    Counters are copied.

    Args:
        module: The network at its start; it is copied.
        decay: What the mean keeps of itself in a step. At first it keeps less, (1 + n) / (10 + n)
            after n steps, so that the random start is soon forgotten.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module = copy.deepcopy(module).requires_grad_(False).eval()  # noqa: FBT003 (torch)
        self._decay = decay
        self._pairs = _pairs(self.module, module)

    @torch.no_grad()
    def update(self, steps: int) -> None:
        """Takes the network's present weights in.

        Args:
            steps: Steps done before, over all starts of the run.
        """
        decay = min(self._decay, (1 + steps) / (10 + steps))
        floats = [pair for pair in self._pairs if pair[0].is_floating_point()]
        means, current = [mean for mean, _ in floats], [value for _, value in floats]
        get_ema_multi_avg_fn(decay)(means, current, steps)
        for mean, value in self._pairs:
            if not mean.is_floating_point():
                mean.copy_(value)


def _pairs(mean: nn.Module, module: nn.Module) -> list[tuple[Tensor, Tensor]]:
    means, current = mean.state_dict(keep_vars=True), module.state_dict(keep_vars=True)
    return [(means[name], current[name]) for name in means]
