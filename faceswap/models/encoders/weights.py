"""Published weights of encoders."""

import re
from collections.abc import Mapping

from torch import Tensor, nn

from faceswap.core.errors import FaceswapError, ModelFileError
from faceswap.core.published_tensors import read_tensors
from faceswap.core.timm_weights import timm_overlay
from faceswap.core.weights_by_url import weights_by_url
from faceswap.models.encoders.published import (
    TIMM,
    TORCHVISION,
    PublishedEncoder,
    timm_features,
)

# torchvision's weights of DenseNet have the names of its first version.
_OLD_NAME = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")


def load_published(model: nn.Module) -> None:
    """Gives the pretrained encoders of a new model their published weights.

    Args:
        model: Model or encoder, changed in place.

    Raises:
        ConfigError: No weights of the network are published.
        WeightsUnavailable: The weights are not on this machine and cannot be downloaded.
        ModelFileError: The file is damaged, or holds the weights of another network.
    """
    for encoder in model.modules():
        if isinstance(encoder, PublishedEncoder) and encoder.origin.pretrained:
            name = encoder.origin.name
            tensors = _published(name, encoder.origin.size)
            wanted = encoder.network.state_dict()
            unknown = [key for key in wanted if key not in tensors and not _counts(key)]
            try:
                if unknown:
                    raise KeyError(unknown[0])
                kept = {key: tensors.get(key, value) for key, value in wanted.items()}
                encoder.network.load_state_dict(kept)
            except (KeyError, RuntimeError) as error:
                raise ModelFileError(
                    f"The published weights do not fit the encoder {name!r} ({error}).",
                    "Use another version of the library, or another encoder.",
                ) from error


def _counts(key: str) -> bool:
    """Whether a tensor only counts batches; older files are without."""
    return key.endswith("num_batches_tracked")


def _published(name: str, size: int) -> Mapping[str, Tensor]:
    if name.startswith(TIMM):
        return _timm_tensors(name, size)
    from torchvision import models

    plain = name.removeprefix(TORCHVISION)
    url = models.get_model_weights(plain)["DEFAULT"].url
    tensors = read_tensors(weights_by_url(name, url))
    return {_OLD_NAME.sub(r"\1\2.", key): tensor for key, tensor in tensors.items()}


def _timm_tensors(name: str, size: int) -> Mapping[str, Tensor]:
    """Weights as loaded by timm, which renames and resamples tensors."""
    found, overlay = timm_overlay(name.removeprefix(TIMM))
    try:
        trained = timm_features(name, size, pretrained=True, pretrained_cfg_overlay=overlay)
    except FaceswapError:
        raise
    except Exception as error:  # timm's loaders raise many types
        raise ModelFileError(
            f"{found} does not fit {name} ({error}).", "Download it again."
        ) from error
    return trained.state_dict()
