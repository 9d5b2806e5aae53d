"""Attribution of a class score to image regions: Grad-CAM and input-gradient saliency."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from classifier.models.network import Task

Forward = Callable[[Tensor], Tensor]


def grad_cam(
    forward: Forward, layer: nn.Module, images: Tensor, targets: Tensor, task: Task = "images"
) -> Tensor:
    """Grad-CAM (Selvaraju et al., 2017): feature maps weighted by the class score's gradient.

    Args:
        forward: Forward function of a network in evaluation mode, ``(B, C, H, W)`` -> logits.
        layer: Module of the network with output ``(B, F, h, w)``, usually the last such one.
        images: ``(B, C, H, W)`` normalised images.
        targets: ``(B,) int64`` target class of each image.
        task: "images", or "pixels" for segmentation, where the score of a class is its sum over
            the pixels predicted as the class (Vinogradova et al., 2020).

    Returns:
        ``(B, H, W)`` heat maps in [0, 1]; all 0 where no region increases the score.
    """
    outputs: list[Tensor] = []

    def hook(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        outputs.append(output)
        # The network continues with a copy, which an in-place layer may overwrite.
        return output.clone()

    handle = layer.register_forward_hook(hook)
    try:
        with torch.enable_grad():
            # requires_grad on the images, so that layers with frozen weights get gradients too.
            logits = forward(images.detach().requires_grad_())
            maps = outputs[-1]
            gradients = torch.autograd.grad(_class_scores(logits, targets, task).sum(), maps)[0]
    finally:
        handle.remove()
    weights = gradients.mean((2, 3), keepdim=True)  # (B, F, 1, 1)
    heat = (weights * maps.detach()).sum(1, keepdim=True).relu()
    large = interpolate(heat, images.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
    return _to_unit(large)


def saliency(forward: Forward, images: Tensor, targets: Tensor, task: Task = "images") -> Tensor:
    """Gradient of the class score with respect to each pixel (Simonyan et al., 2013).

    Args:
        forward: Forward function of a network in evaluation mode, ``(B, C, H, W)`` -> logits.
        images: ``(B, C, H, W)`` normalised images.
        targets: ``(B,) int64`` target class of each image.
        task: "images", or "pixels" for segmentation; see ``grad_cam``.

    Returns:
        ``(B, H, W)`` magnitudes in [0, 1]; all 0 if the network has no gradient (threshold units).
    """
    with torch.enable_grad():
        leaf = images.detach().clone().requires_grad_()
        scores = _class_scores(forward(leaf), targets, task).sum()
        if not scores.requires_grad:
            return images.new_zeros(images.shape[0], *images.shape[2:])
        gradient = torch.autograd.grad(scores, leaf, allow_unused=True)[0]
    if gradient is None:
        return images.new_zeros(images.shape[0], *images.shape[2:])
    return _to_unit(gradient.abs().amax(1))


def _class_scores(logits: Tensor, targets: Tensor, task: Task) -> Tensor:
    """``(B,)`` logit of the target class, or its sum over the pixels predicted as that class."""
    rows = torch.arange(len(targets), device=logits.device)
    chosen = logits[rows, targets]
    if task == "images":
        return chosen
    inside = logits.argmax(1) == targets[:, None, None]  # (B, H, W)
    # Without such pixels the sum is over all pixels.
    inside |= ~inside.flatten(1).any(1)[:, None, None]
    return (chosen * inside).sum((1, 2))


def _to_unit(values: Tensor) -> Tensor:
    highest = values.flatten(1).amax(1).clamp_min(torch.finfo(values.dtype).tiny)
    return values / highest[:, None, None]
