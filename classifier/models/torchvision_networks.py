"""All classification networks of torchvision, under the same names.

AlexNet (Krizhevsky 2014, one tower), VGG, ResNet, ResNeXt, DenseNet, SqueezeNet, MobileNet,
EfficientNet, ConvNeXt, ViT, Swin and others: see torchvision for the papers. Networks
are built with random weights and without auxiliary outputs.
"""

import inspect
import warnings
from collections.abc import Mapping
from functools import cache
from typing import Any

from torch import nn

from classifier.models.formats import InputFormat, input_format, signed_format
from classifier.models.heads_and_stems import find_head, replace_stem, try_size
from classifier.models.network import BuiltNetwork
from classifier.models.option_checks import check_channels, unknown_option
from faceswap.core.errors import ConfigError

_MNASNET = {"mnasnet0_5": 0.5, "mnasnet0_75": 0.75, "mnasnet1_0": 1.0, "mnasnet1_3": 1.3}
# Auxiliary outputs are disabled: the loss takes one output.
_WITHOUT_AUX = {"googlenet": {"aux_logits": False}, "inception_v3": {"aux_logits": False}}
# These expect values in [-1, 1]; torchvision would convert inside the network.
_SIGNED = set(_WITHOUT_AUX)
_SIZE_OPTION = {"vit": "image_size", "maxvit": "input_size"}
_OURS = {"num_classes", "weights", "progress", "init_weights", "aux_logits", "transform_input"}


@cache
def torchvision_names() -> tuple[str, ...]:
    """Names of torchvision's classification networks."""
    from torchvision import models

    return tuple(models.list_models(module=models))


def build_torchvision(
    name: str, classes: int, options: Mapping[str, Any], size: int | None
) -> BuiltNetwork:
    """Build a torchvision network with random weights.

    Args:
        name: Name in torchvision.
        classes: Number of outputs.
        options: Options of torchvision's builder, and ``channels`` (1 or 3).
        size: Side of the images in pixels; None for that of the published weights.

    Raises:
        ConfigError: Unknown or invalid option, or unsupported size.
    """
    given = dict(options)
    channels = given.pop("channels", 3)
    check_channels(name, channels)
    size_option = _SIZE_OPTION.get(name.partition("_")[0])
    size = _one_size(name, given, size_option, size)
    form = _format(name, channels, size)
    if size_option == "input_size":
        given[size_option] = (form.size, form.size)
    elif size_option:
        given[size_option] = form.size
    module = _construct(name, classes, given)
    if channels != 3:
        replace_stem(module, channels)
    built = BuiltNetwork(module, form, find_head(module, classes))
    if size is not None and not size_option:
        try_size(name, built)
    return built


def _one_size(
    name: str, options: dict[str, Any], size_option: str | None, size: int | None
) -> int | None:
    """Requested size, from the setting or from torchvision's option."""
    if size_option is None or size_option not in options:
        return size
    option = options.pop(size_option)
    if not isinstance(option, int) or size not in (None, option):
        raise ConfigError(
            f"{name} expects {size_option} as one integer, found {option!r} (size: {size}).",
            "Set the size once, as network.size.",
        )
    return option


def _format(name: str, channels: int, size: int | None) -> InputFormat:
    from torchvision import models

    transforms = models.get_model_weights(name)["DEFAULT"].transforms()
    if size is None:
        size = int(transforms.crop_size[0])
    if name in _SIGNED:
        return signed_format(size, channels)
    return input_format(size, channels, transforms.mean, transforms.std)


def _construct(name: str, classes: int, options: Mapping[str, Any]) -> nn.Module:
    """Build the module; invalid options raise ``ConfigError``."""
    for option in options:
        if option in _OURS:
            raise unknown_option(name, option, _option_names(name))
    try:
        if name in _MNASNET:
            return _mnasnet(_MNASNET[name], classes, options)
        from torchvision import models

        with warnings.catch_warnings():
            # "The default weight initialization will be changed": not relevant to users.
            warnings.simplefilter("ignore", FutureWarning)
            extra = _WITHOUT_AUX.get(name, {})
            return models.get_model(name, num_classes=classes, **extra, **options)
    except (TypeError, ValueError, AssertionError, RuntimeError) as error:
        known = _option_names(name)
        for option in options:
            if option not in known:
                raise unknown_option(name, option, known) from error
        shown = ", ".join(f"{option}={value!r}" for option, value in options.items())
        raise ConfigError(
            f"{name} cannot be built with {shown or 'its defaults'} ({error}).",
            f"Available options: {', '.join(known)}.",
        ) from error


def _mnasnet(alpha: float, classes: int, options: Mapping[str, Any]) -> nn.Module:
    from torchvision.models.mnasnet import MNASNet

    class PlainMNASNet(MNASNet):
        """MNASNet that accepts weights without a version, such as safetensors."""

        def _load_from_state_dict(
            self,
            state_dict: dict[str, Any],
            prefix: str,
            local_metadata: dict[str, Any],
            strict: bool,
            missing_keys: list[str],
            unexpected_keys: list[str],
            error_msgs: list[str],
        ) -> None:
            local_metadata.setdefault("version", 2)
            super()._load_from_state_dict(
                state_dict,
                prefix,
                local_metadata,
                strict,
                missing_keys,
                unexpected_keys,
                error_msgs,
            )

    return PlainMNASNet(alpha, num_classes=classes, **options)


def _option_names(name: str) -> list[str]:
    """Names of options that take a number, a string or a boolean."""
    from torchvision import models

    builder = models.get_model_builder(name)
    # A builder forwards its options to the class that it is annotated to return.
    made = inspect.signature(inspect.unwrap(builder)).return_annotation
    names = {"channels"}
    for parameter in inspect.signature(made.__init__).parameters.values():
        if isinstance(parameter.default, bool | int | float | str):
            names.add(parameter.name)
    size_option = _SIZE_OPTION.get(name.partition("_")[0])
    return sorted((names | ({size_option} if size_option else set())) - _OURS)
