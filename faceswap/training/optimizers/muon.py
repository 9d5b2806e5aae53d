"""Muon for the weights of hidden layers, and AdamW for all others."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

from faceswap.core.device import supports_bf16
from faceswap.core.shards import cut_like, whole
from faceswap.models.convolution import Output

_MOMENTUM = 0.95
# Of the quintic iteration of Jordan et al.: singular values end between about 0.7 and 1.2.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_GRAM_PAYS = 1.5  # columns for each row from which the Gram matrices alone take fewer operations
_SCALE = 0.2  # root mean square of an update of AdamW (Liu et al.)


class Muon(torch.optim.Optimizer):
    """Muon for the weights of hidden layers, AdamW for all other parameters.

    Muon replaces the momentum of a matrix by the nearest orthogonal one, so that rare directions
    are learnt as fast as frequent ones (Jordan et al., "Muon: An optimizer for hidden layers in
    neural networks", 2024). Updates have the size of those of AdamW (Liu et al., "Muon is scalable
    for LLM training", 2025), so one learning rate and one weight decay fit both. A kernel with O
    outputs is a matrix of O rows.

    The updates are those of ``torch.optim.Muon`` and of pytorch-optimizer, which both compute in
    bf16 on every device. Where a CPU has no instructions for that, their step is 40 times slower
    (12 s instead of 0.3 s for the model ``anchored`` with AVX2); here it is computed in float32
    then, in half the time by way of Gram matrices. With such instructions it takes 1.2 times as
    long as that of pytorch-optimizer.

    Args:
        hidden: Matrices and kernels of hidden layers, ``(O, ...)``.
        others: Biases, and the weights of layers whose outputs are shown.
        lr: Learning rate.
        betas: Decay of both moments of AdamW.
        weight_decay: Decoupled weight decay.
        eps: Term that AdamW adds to the denominator.
    """

    def __init__(
        self,
        hidden: list[nn.Parameter],
        others: list[nn.Parameter],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        adamw_group = {"params": others, "betas": betas, "eps": eps}
        groups: list[dict[str, Any]] = [{"params": hidden}, adamw_group]
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Takes a step from the gradients."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        hidden, others = self.param_groups
        self._step_hidden(hidden)
        self._step_others(others)
        return loss

    def _step_hidden(self, group: dict[str, Any]) -> None:
        alike: dict[tuple[torch.Size, torch.device], list[tuple[Tensor, Tensor]]]
        alike = defaultdict(list)
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            state = self.state[parameter]
            if not state:
                state["momentum"] = torch.zeros_like(parameter)
            momentum = state["momentum"].lerp_(parameter.grad, 1 - _MOMENTUM)
            update = parameter.grad.lerp(momentum, _MOMENTUM)  # Nesterov's
            shape = torch.Size([len(update), update.numel() // len(update)])
            alike[shape, update.device].append((parameter, update))
        for (shape, _), found in alike.items():
            # Whole matrices: one that is divided over the processes is gathered by all of them.
            updates = orthogonal(torch.stack([whole(update).flatten(1) for _, update in found]))
            rate = group["lr"] * _SCALE * max(shape) ** 0.5
            for (parameter, _), update in zip(found, updates, strict=True):
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.sub_(cut_like(update.view(parameter.shape), parameter), alpha=rate)

    def _step_others(self, group: dict[str, Any]) -> None:
        parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
        for parameter in parameters:
            state = self.state[parameter]
            if not state:
                state.update(step=torch.tensor(0.0))
                state.update(mean=torch.zeros_like(parameter), square=torch.zeros_like(parameter))
        states = [self.state[parameter] for parameter in parameters]
        adamw(
            parameters,
            [parameter.grad for parameter in parameters],
            [state["mean"] for state in states],
            [state["square"] for state in states],
            [],
            [state["step"] for state in states],
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )


def orthogonal(matrices: Tensor) -> Tensor:
    """The nearest matrices whose singular values are about 1, by a Newton-Schulz iteration.

    Args:
        matrices: ``(B, m, n) float32``.

    Returns:
        ``(B, m, n) float32``.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp_min(1e-7)
    if supports_bf16(x.device):
        x = _iterate(x.bfloat16()).float()
    else:
        x = _iterate_gram(x) if x.shape[2] > _GRAM_PAYS * x.shape[1] else _iterate(x)
    return x.mT if tall else x


def _iterate(x: Tensor) -> Tensor:
    """The iteration on matrices ``(B, m, n)``: 20 m m n + 10 m m m operations."""
    first, third, fifth = _COEFFICIENTS
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        odd = torch.baddbmm(gram, gram, gram, beta=third, alpha=fifth)
        x = torch.baddbmm(x, odd, x, beta=first)
    return x


def _iterate_gram(x: Tensor) -> Tensor:
    """The same on the Gram matrices alone: 4 m m n + 34 m m m operations.

    Each step multiplies the matrices by a polynomial of their Gram matrices from the left, and
    these by its square. It needs the precision of float32: Gram matrices have the squares of the
    singular values, and noise that makes one of them negative grows.
    """
    first, third, fifth = _COEFFICIENTS
    gram, product = x @ x.mT, None
    for number in range(_ITERATIONS):
        factor = torch.baddbmm(gram, gram, gram, beta=third, alpha=fifth)
        factor.diagonal(dim1=1, dim2=2).add_(first)
        product = factor if product is None else factor @ product
        if number < _ITERATIONS - 1:
            gram = factor @ gram @ factor
    assert product is not None
    return product @ x


def split_hidden(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Matrices and kernels of the hidden layers of a network, and all other parameters."""
    outputs = {id(layer.weight) for layer in model.modules() if isinstance(layer, Output)}
    hidden, others = [], []
    for parameter in model.parameters():
        vector = parameter.ndim <= 1
        (others if vector or id(parameter) in outputs else hidden).append(parameter)
    return hidden, others
