"""The network of a training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from classifier.data.dataset import Dataset
from classifier.models import BuiltNetwork, build_network
from classifier.models.pretrained import LoadReport, load_published, load_weights_file
from classifier.training.transfer import Mode
from faceswap.core.errors import ConfigError


def build_for(
    dataset: Dataset,
    name: str,
    options: Mapping[str, Any],
    size: int | None,
    *,
    pretrained: bool = False,
    weights: Path | None = None,
) -> tuple[BuiltNetwork, LoadReport | None]:
    """Builds the network for a data set, on the CPU.

    Args:
        dataset: Data set with the classes.
        name: Name of the network.
        options: Options of the network.
        size: Side of the input images in pixels; None is the network's own.
        pretrained: Whether to load the published weights.
        weights: File of weights to load, or None.

    Returns:
        The network, and what was loaded if anything was.

    Raises:
        ConfigError: The network does not suit the data set, or an option is invalid.
        WeightsUnavailable: The published weights cannot be fetched.
    """
    count, report = len(dataset.classes), None
    if pretrained:
        built, report = load_published(name, count, options, size)
    else:
        built = build_network(name, count, options, size)
        if weights is not None:
            report = load_weights_file(built, weights)
    if built.task != dataset.task:
        raise ConfigError(
            f"{name} classifies {built.task}, the data in {dataset.root} have classes of "
            f"{dataset.task}.",
            "Choose another --model: fcdensenet56 is for pixels, resnet18 for images.",
        )
    if not any(True for _ in built.module.parameters()):
        raise ConfigError(f"{name} has no trainable parameters.", "Choose another --model.")
    return built, report


def check_transfer(mode: Mode, *, pretrained: bool, weights: Path | None) -> None:
    """Checks that the initial weights suit the mode of transfer.

    Raises:
        ConfigError: They contradict each other.
    """
    if pretrained and weights is not None:
        raise ConfigError(
            "Expected one source of initial weights, found --pretrained and --weights.",
            "Leave one of them out.",
        )
    if mode != "scratch" and not (pretrained or weights is not None):
        raise ConfigError(
            f"--transfer {mode} needs pretrained weights.",
            "Add --pretrained or --weights FILE, or use --transfer scratch.",
        )


def to_channels_last(built: BuiltNetwork) -> bool:
    """Moves convolutions to channels_last memory; whether the network has any."""
    if not any(p.dim() == 4 for p in built.module.parameters()):
        return False
    built.module.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return True
