"""Networks of timm (Wightman 2019, github.com/huggingface/pytorch-image-models): ``timm:NAME``.

As in timm, the name may include a tag of published weights (``timm:resnet50.a1_in1k``).
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from torch import nn

from classifier.models.formats import input_format
from classifier.models.heads_and_stems import find_head, try_size
from classifier.models.network import TIMM, BuiltNetwork
from classifier.models.option_checks import check_channels
from faceswap.core.config_errors import nearest
from faceswap.core.errors import ConfigError
from faceswap.core.optional import require

_OURS = {"num_classes", "pretrained", "pretrained_cfg", "in_chans", "checkpoint_path"}


@cache
def timm_names() -> tuple[str, ...]:
    """Names of the timm networks, without tags."""
    timm = require("timm", "timm")
    return tuple(timm.list_models())


def build_timm(
    name: str, classes: int, options: Mapping[str, Any], size: int | None
) -> BuiltNetwork:
    """Build a timm network with random weights.

    Args:
        name: Name in timm, with or without a tag.
        classes: Number of outputs.
        options: Options of ``timm.create_model``, and ``channels`` (1 or 3).
        size: Side of the images in pixels; None for that of the published weights.

    Raises:
        ConfigError: Unknown network, invalid option, or unsupported size.
    """
    module = create_timm(name, classes, options, size)
    config = require("timm.data.config", "timm").resolve_model_data_config(module)
    channels = options.get("channels", 3)
    side = size or int(config["input_size"][-1])
    form = input_format(side, channels, config["mean"], config["std"])
    built = BuiltNetwork(module, form, _head(module, classes))
    if size is not None:
        try_size(TIMM + name, built)
    return built


def create_timm(
    name: str, classes: int | None, options: Mapping[str, Any], size: int | None, **extra: Any
) -> nn.Module:
    """Call ``timm.create_model``; ``classes=None`` keeps the classes of the weights.

    Raises:
        ConfigError: Unknown network, or invalid option.
    """
    timm = require("timm", "timm")
    if not timm.is_model(name):
        raise ConfigError(
            f"Unknown timm network {name!r}.",
            nearest(TIMM + name, [TIMM + other for other in timm_names()])
            or "List the networks: python -c 'import timm; print(timm.list_models())'.",
        )
    given = dict(options)
    channels = given.pop("channels", 3)
    check_channels(TIMM + name, channels)
    for option in _OURS & given.keys():
        raise ConfigError(
            f"The network 'timm:{name}' has no option {option!r}.", "Use channels=1 or 3."
        )
    config = timm.get_pretrained_cfg(name)
    if size is not None and config is not None and config.fixed_input_size:
        given["img_size"] = size
    if classes is not None:
        given["num_classes"] = classes
    try:
        return timm.create_model(name, in_chans=channels, **given, **extra)
    except (TypeError, ValueError, AssertionError) as error:
        shown = ", ".join(f"{option}={value!r}" for option, value in given.items())
        raise ConfigError(
            f"timm:{name} cannot be built with {shown} ({error}).",
            "Change or remove the options.",
        ) from error


def _head(module: nn.Module, classes: int) -> str:
    """Head according to timm; the first of two for distilled networks."""
    config = getattr(module, "pretrained_cfg", {})
    names = config.get("classifier") or ""
    name = names if isinstance(names, str) else names[0]
    if name and name in dict(module.named_modules()):
        return name
    return find_head(module, classes)
