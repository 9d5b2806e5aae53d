"""Builds an encoder by its name, and finds out what its features are."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from faceswap.core.errors import ConfigError
from faceswap.models.blocks import compact_init
from faceswap.models.encoders.own import encoders
from faceswap.models.encoders.published import PREFIXES, PublishedEncoder, build_published


class BuiltEncoder(NamedTuple):
    """An encoder and the shape of its features.

    Attributes:
        module: Encoder, ``(B, 3, S, S) -> (B, channels, side, side)``.
        channels: Number of channels of the features.
        side: Height and width of the features.
    """

    module: nn.Module
    channels: int
    side: int


def build_encoder(
    name: str, size: int, scale: float = 1.0, *, pretrained: bool = False
) -> BuiltEncoder:
    """Builds an encoder with random weights.

    Args:
        name: Name in the registry ``own.encoders``, ``torchvision:NAME`` or ``timm:NAME``.
        size: Side of the faces in pixels.
        scale: Factor on the number of channels of an encoder of this package.
        pretrained: Whether ``load_published`` will give it its published weights.

    Raises:
        ConfigError: There is no such encoder, or it does not suit the size, the scale or
            ``pretrained``.
        MissingExtraError: timm is not installed.
    """
    if not 0.05 <= scale <= 8:
        raise ConfigError(
            f"Expected a scale from 0.05 to 8 of the encoder {name!r}, found {scale}.",
            "For example: --set model.options.scale=1.0",
        )
    if name.startswith(PREFIXES):
        if scale != 1:
            raise ConfigError(
                f"Expected a scale of 1 for the published encoder {name!r}, found {scale}.",
                "Choose a smaller or larger network by its name.",
            )
        module = build_published(name, size, pretrained=pretrained)
    else:
        module = _build_own(name, size, scale, pretrained=pretrained)
    _, channels, height, width = _features(module, name, size).shape
    if height != width:
        raise ConfigError(f"The encoder {name!r} has no square features.", "Choose another one.")
    return BuiltEncoder(module, channels, height)


def _build_own(name: str, size: int, scale: float, *, pretrained: bool) -> nn.Module:
    try:
        build = encoders.get(name)
    except ConfigError as error:
        more = " Others: torchvision:NAME and timm:NAME."
        raise ConfigError(error.message, f"{error.hint}{more}") from error
    if pretrained:
        raise ConfigError(
            f"The encoder {name!r} has no published weights.",
            "Start from a trained run instead: --from RUN:encoder",
        )
    return build(size, scale)


def initialise_encoder(encoder: nn.Module) -> None:
    """Initialises an encoder of this package; a published one is initialised as built."""
    if not isinstance(encoder, PublishedEncoder):
        compact_init(encoder)


def _features(module: nn.Module, name: str, size: int) -> Tensor:
    """Features of one face, without values; weights that they do not depend on are frozen.

    Several processes would wait for the gradients of such weights.
    """
    training, problem = module.training, "their features are not a grid"
    try:
        with torch.inference_mode(mode=False), torch.enable_grad():
            weights = _without_values(module.named_parameters(), requires_grad=True)
            buffers = _without_values(module.named_buffers(), requires_grad=False)
            face = torch.empty(1, 3, size, size, device="meta")
            features = functional_call(module.eval(), {**weights, **buffers}, (face,))
            unused = _unused(features, weights)
    except (RuntimeError, ValueError, TypeError, AssertionError, NotImplementedError) as error:
        features, unused, problem = None, [], str(error).partition("\n")[0]
    module.train(training)
    if isinstance(features, Tensor) and features.ndim == 4 and min(features.shape) > 0:
        for key in unused:
            module.get_parameter(key).requires_grad = False
        return features
    raise ConfigError(
        f"The encoder {name!r} cannot encode faces of {size} pixels ({problem}).",
        "Choose another size, a multiple of 32, or another encoder.",
    )


def _without_values(
    tensors: Iterable[tuple[str, Tensor]], *, requires_grad: bool
) -> dict[str, Tensor]:
    """Tensors of the shapes of named ones, on the meta device."""
    return {
        name: torch.empty_like(tensor, device="meta", requires_grad=requires_grad)
        for name, tensor in tensors
    }


def _unused(features: object, weights: Mapping[str, Tensor]) -> list[str]:
    """Names of the weights that features do not depend on.

    Args:
        features: Features of an encoder, computed from the weights.
        weights: Weights that stand for those of the encoder, by name.
    """
    if not isinstance(features, Tensor):
        return []
    found = torch.autograd.grad(features.sum(), list(weights.values()), allow_unused=True)
    return [key for key, gradient in zip(weights, found, strict=True) if gradient is None]
