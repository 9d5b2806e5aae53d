"""Where in an image a class is seen: Grad-CAM, and the gradient of the input."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from classifier.models.network import Task

Forward = Callable[[Tensor], Tensor]


def grad_cam(
    forward: Forward, layer: nn.Module, images: Tensor, targets: Tensor, task: Task = "images"
) -> Tensor:
    """Grad-CAM (Selvaraju et al., 2017): maps of a layer, weighed by what they do for a class.

    Args:
        forward: The network, ``(B, C, H, W)`` -> logits, in evaluation mode.
        layer: A module inside it whose output is ``(B, F, h, w)``; the last such one.
        images: ``(B, C, H, W)``, normalised.
        targets: ``(B,) int64``, the class in question for each.
        task: Where pixels have classes, those given the class count (Vinogradova et al., 2020).

    Returns:
        ``(B, H, W)`` in [0, 1]; all 0 where nothing speaks for the class.
    """
    seen: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        seen.append(output)
        # The network goes on with a copy, which a layer that works in place may overwrite.
        return output.clone()

    handle = layer.register_forward_hook(keep)
    try:
        with torch.enable_grad():
            # The images need gradients, so that a layer whose weights are frozen gets them too.
            logits = forward(images.detach().requires_grad_())
            maps = seen[-1]
            slopes = torch.autograd.grad(_class_scores(logits, targets, task).sum(), maps)[0]
    finally:
        handle.remove()
    weights = slopes.mean((2, 3), keepdim=True)  # (B, F, 1, 1)
    heat = (weights * maps.detach()).sum(1, keepdim=True).relu()
    large = interpolate(heat, images.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
    return _to_unit(large)


def saliency(forward: Forward, images: Tensor, targets: Tensor, task: Task = "images") -> Tensor:
    """How much each pixel moves a class's score (Simonyan et al., 2013).

    Args:
        forward: As for ``grad_cam``.
        images: ``(B, C, H, W)``, normalised.
        targets: ``(B,) int64``.
        task: As for ``grad_cam``.

    Returns:
        ``(B, H, W)`` in [0, 1]; all 0 where the network has no gradient (a threshold).
    """
    with torch.enable_grad():
        leaf = images.detach().clone().requires_grad_()
        scores = _class_scores(forward(leaf), targets, task).sum()
        if not scores.requires_grad:
            return images.new_zeros(images.shape[0], *images.shape[2:])
        slope = torch.autograd.grad(scores, leaf, allow_unused=True)[0]
    if slope is None:
        return images.new_zeros(images.shape[0], *images.shape[2:])
    return _to_unit(slope.abs().amax(1))


def _class_scores(logits: Tensor, targets: Tensor, task: Task) -> Tensor:
    """``(B,)``: the logit of each image's class, or its sum over the pixels that have the class."""
    rows = torch.arange(len(targets), device=logits.device)
    chosen = logits[rows, targets]
    if task == "images":
        return chosen
    inside = logits.argmax(1) == targets[:, None, None]  # (B, H, W)
    # An image without such pixels is asked about all of them.
    inside |= ~inside.flatten(1).any(1)[:, None, None]
    return (chosen * inside).sum((1, 2))


def _to_unit(values: Tensor) -> Tensor:
    highest = values.flatten(1).amax(1).clamp_min(torch.finfo(values.dtype).tiny)
    return values / highest[:, None, None]
