"""The discriminators that a training needs."""

from collections.abc import Callable, Collection
from functools import partial

import torch
from torch import nn

from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.training.discriminators.code_discriminator import CodeDiscriminator
from faceswap.training.discriminators.patch_discriminator import PatchDiscriminator
from faceswap.training.discriminators.receptive_field import plan_strides
from faceswap.training.discriminators.trained import TrainedDiscriminator
from faceswap.training.losses.adversarial import AdversarialWeights

FACES, CODES = "faces", "codes"
"""Names of the discriminators: of decoded faces, and of codes."""

_PATCHES = 8  # along a side of the face, as in DeepFaceLab


def build_discriminators(
    model: FaceAutoencoder,
    weights: Collection[AdversarialWeights],
    patch: int | None,
    dims: int,
    seed: int,
    device: torch.device,
    *,
    fp16: bool = False,
) -> dict[str, TrainedDiscriminator]:
    """The discriminators to which any phase of a training gives weight, by name.

    Args:
        model: The model, on its device.
        weights: Weights of each phase.
        patch: Side of the patches in pixels; None for an eighth of the size of decoded faces.
        dims: Channels of the first layer of the discriminator of faces.
        seed: Seed of the run.
        device: Device to train on.
        fp16: Whether gradients are those of fp16.
    """
    identities = len(model.identities)
    makers: dict[str, Callable[[], nn.Module]] = {}
    if any(each.power for each in weights):
        strides = plan_strides(patch or max(3, model.full_size // _PATCHES))
        makers[FACES] = partial(PatchDiscriminator, identities, strides, dims)
    if any(each.true_face for each in weights):
        makers[CODES] = partial(CodeDiscriminator, code_shape(model), identities)
    return {
        name: TrainedDiscriminator(name, make, seed, device, fp16=fp16)
        for name, make in makers.items()
    }


def code_shape(model: FaceAutoencoder) -> torch.Size:
    """Shape of the code of one face."""
    weight = next(model.parameters())
    size = model.input_size
    training = model.training
    with torch.no_grad():
        code = model.eval().encode(torch.zeros(1, 3, size, size, device=weight.device))
    model.train(training)
    return code.shape[1:]
