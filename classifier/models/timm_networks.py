"""Any network of timm (Wightman 2019, github.com/huggingface/pytorch-image-models): ``timm:NAME``.

The name may carry a tag of published weights (``timm:resnet50.a1_in1k``), as in timm.
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
    """Names of timm's networks, without tags."""
    timm = require("timm", "timm")
    return tuple(timm.list_models())


def build_timm(
    name: str, classes: int, options: Mapping[str, Any], size: int | None
) -> BuiltNetwork:
    """Builds one with random weights.

    Args:
        name: As timm calls it, with or without a tag.
        classes: Number of outputs.
        options: What timm's ``create_model`` takes, and ``channels`` (1 or 3).
        size: Side of the images; that of timm's weights if None.

    Raises:
        ConfigError: There is no such network, an option is wrong, or it does not take that size.
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
    """Calls timm's ``create_model`` with our options; classes None keeps those of the weights.

    Raises:
        ConfigError: There is no such network, or an option is wrong.
    """
    timm = require("timm", "timm")
    if not timm.is_model(name):
        raise ConfigError(
            f"timm has no network called {name!r}.",
            nearest(TIMM + name, [TIMM + other for other in timm_names()])
            or "Its list: python -c 'import timm; print(timm.list_models())'.",
        )
    given = dict(options)
    channels = given.pop("channels", 3)
    check_channels(TIMM + name, channels)
    for option in _OURS & given.keys():
        raise ConfigError(
            f"The network 'timm:{name}' has no option {option!r}.", "Images: channels=1 or 3."
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
            "Correct the options, or leave them out.",
        ) from error


def _head(module: nn.Module, classes: int) -> str:
    """What timm says of its classifier; for two (distilled networks) the first."""
    config = getattr(module, "pretrained_cfg", {})
    told = config.get("classifier") or ""
    name = told if isinstance(told, str) else told[0]
    if name and name in dict(module.named_modules()):
        return name
    return find_head(module, classes)
