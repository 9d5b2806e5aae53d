"""Networks of torchvision and timm as encoders, without their heads.

Statistics of batch normalisation are those of one batch while they are learned, so that faces of
one identity would be decoded differently beside others, and on several processes. Pretrained
networks therefore keep their published statistics, and in all others group normalisation (Wu & He,
2018) takes the place of batch normalisation. Layers are not skipped at random (stochastic depth):
several processes would skip others than one.
"""

import math
import warnings
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from faceswap.core.config_errors import nearest
from faceswap.core.errors import ConfigError
from faceswap.core.optional import require

TORCHVISION, TIMM = "torchvision:", "timm:"
PREFIXES = (TORCHVISION, TIMM)
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_HEADS = {"avgpool", "classifier", "fc", "head", "heads", "flatten", "dropout", "aux1", "aux2"}
_HEADS |= {"AuxLogits"}
_AUXILIARY = {"googlenet", "inception_v3"}
_MOST_GROUPS = 32


@dataclass(frozen=True)
class Published:
    """What a network was built from.

    Attributes:
        name: ``torchvision:NAME`` or ``timm:NAME``.
        size: Side of the faces in pixels.
        pretrained: Whether it gets its published weights.
    """

    name: str
    size: int
    pretrained: bool


class PublishedEncoder(nn.Module):
    """A network of torchvision or timm as an encoder.

    Args:
        name: ``torchvision:NAME`` or ``timm:NAME``.
        size: Side of the faces in pixels.
        network: The network without its head, normalised images -> features, or a list of them of
            which the last is used.
        statistics: Mean and standard deviation of each colour that the network expects.
        pretrained: Whether it will get its published weights.
        channels: Number of channels, if the features may be ``(B, H, W, C)``.

    Attributes:
        origin: Name, size and pretraining that the network was built with.
        network: The network.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        name: str,
        size: int,
        network: nn.Module,
        statistics: tuple[Sequence[float], Sequence[float]],
        *,
        pretrained: bool,
        channels: int = 0,
    ) -> None:
        # Imported when used: torchvision takes seconds, and few models have such a network.
        from torchvision.ops import StochasticDepth

        super().__init__()
        self.origin = Published(name, size, pretrained)
        self.network = network
        self._channels = channels
        for kind, values in zip(("mean", "deviation"), statistics, strict=True):
            tensor = torch.tensor(values).view(1, 3, 1, 1)
            self.register_buffer(kind, tensor, persistent=False)
        if not pretrained:
            _normalise_by_groups(network)
        for layer in network.modules():
            if isinstance(layer, StochasticDepth):
                layer.p = 0.0

    def forward(self, faces: Tensor) -> Tensor:
        """Features ``(B, C, H, W)`` of faces ``(B, 3, S, S)`` in [0, 1]."""
        features = self.network((faces - self.mean) / self.deviation)
        if not isinstance(features, Tensor):
            features = features[-1]
        if self._channels and features.shape[1] != self._channels:  # (B, H, W, C)
            features = features.permute(0, 3, 1, 2)
        return features

    def train(self, mode: bool = True) -> Self:
        """Sets the mode of all layers but batch normalisation, whose statistics are kept."""
        super().train(mode)
        for layer in self.network.modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                layer.eval()
        return self


def build_published(name: str, size: int, *, pretrained: bool) -> PublishedEncoder:
    """Builds a network with random weights.

    Args:
        name: ``torchvision:NAME`` or ``timm:NAME``.
        size: Side of the faces in pixels.
        pretrained: Whether it will get its published weights.

    Raises:
        ConfigError: There is no such network, or it has no grid of features.
        MissingExtraError: timm is not installed.
    """
    if name.startswith(TIMM):
        return _build_timm(name, size, pretrained=pretrained)
    network, statistics = torchvision_features(name), (_MEAN, _DEVIATION)
    return PublishedEncoder(name, size, network, statistics, pretrained=pretrained).train()


def torchvision_features(name: str) -> nn.Module:
    """A network of torchvision without its head; its layers keep their names.

    Raises:
        ConfigError: There is no such network.
    """
    from torchvision import models

    plain = name.removeprefix(TORCHVISION)
    known = models.list_models(module=models)
    if plain not in known:
        raise ConfigError(
            f"Unknown torchvision network {plain!r}.",
            nearest(name, [TORCHVISION + other for other in known])
            or "List the networks: python -c 'from torchvision import models; "
            "print(models.list_models(module=models))'",
        )
    extra = {"aux_logits": False} if plain in _AUXILIARY else {}
    with warnings.catch_warnings():
        # "The default weight initialization will be changed": not relevant to users.
        warnings.simplefilter("ignore", FutureWarning)
        whole = models.get_model(plain, num_classes=1, **extra)
    layers = [(key, layer) for key, layer in whole.named_children() if key not in _HEADS]
    return nn.Sequential(OrderedDict(layers))


def timm_features(name: str, size: int, **options: object) -> nn.Module:
    """A network of timm that gives its last features.

    Args:
        name: ``timm:NAME``.
        size: Side of the faces in pixels.
        options: Further options of ``timm.create_model``.

    Raises:
        ConfigError: There is no such network, or it has no features of this size.
    """
    timm = require("timm", "timm")
    plain = name.removeprefix(TIMM)
    if not timm.is_model(plain):
        raise ConfigError(
            f"Unknown timm network {plain!r}.",
            nearest(name, [TIMM + other for other in timm.list_models()])
            or "List the networks: python -c 'import timm; print(timm.list_models())'.",
        )
    config = timm.get_pretrained_cfg(plain)
    if config is not None and config.fixed_input_size:
        options["img_size"] = size
    try:
        return timm.create_model(plain, features_only=True, out_indices=(-1,), **options)
    except (TypeError, ValueError, AssertionError, RuntimeError) as error:
        raise ConfigError(
            f"{name} cannot encode faces of {size} pixels ({error}).", "Choose another encoder."
        ) from error


def _build_timm(name: str, size: int, *, pretrained: bool) -> PublishedEncoder:
    network = timm_features(name, size)
    config = require("timm", "timm").get_pretrained_cfg(name.removeprefix(TIMM))
    statistics = (_MEAN, _DEVIATION) if config is None else (config.mean, config.std)
    channels = network.feature_info.channels()[-1]  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
    return PublishedEncoder(
        name, size, network, statistics, pretrained=pretrained, channels=channels
    ).train()


def _normalise_by_groups(network: nn.Module) -> None:
    """Replaces batch normalisation, with the activations that timm joins to it."""
    for parent in list(network.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                width = layer.num_features
                groups: list[nn.Module] = [nn.GroupNorm(math.gcd(width, _MOST_GROUPS), width)]
                groups += [getattr(layer, key) for key in ("drop", "act") if hasattr(layer, key)]
                setattr(parent, name, groups[0] if len(groups) == 1 else nn.Sequential(*groups))
