"""The network of a training, as its settings say."""

from typing import Any

import torch
from accelerate import Accelerator

from classifier.data.dataset import Dataset
from classifier.models import BuiltNetwork, build_network
from classifier.models.pretrained import LoadReport, load_published, load_weights_file
from classifier.training.settings import Settings
from faceswap.core.errors import ConfigError


def build(
    settings: Settings, dataset: Dataset, *, fresh: bool = True
) -> tuple[BuiltNetwork, LoadReport | None]:
    """The network, on the CPU.

    Args:
        settings: Of the training.
        dataset: Its classes and task.
        fresh: Whether to load what it shall know beforehand; a run that goes on has its own.

    Returns:
        The network, and what was loaded if anything was.

    Raises:
        ConfigError: The settings contradict each other, or network and data do.
        WeightsUnavailable: The published weights cannot be fetched.
    """
    network, count = settings.network, len(dataset.classes)
    _check_transfer(settings)
    options: dict[str, Any] = dict(network.options)
    report = None
    if network.pretrained and fresh:
        built, report = load_published(network.name, count, options, network.size)
    else:
        built = build_network(network.name, count, options, network.size)
        if network.weights is not None and fresh:
            report = load_weights_file(built, network.weights)
    _check_network(built, settings, dataset)
    return built, report


def _check_transfer(settings: Settings) -> None:
    network, mode = settings.network, settings.transfer.mode
    if network.pretrained and network.weights is not None:
        raise ConfigError(
            "The network is to begin with published weights and with those of a file.",
            "Leave out --pretrained or --weights.",
        )
    if mode != "scratch" and not (network.pretrained or network.weights is not None):
        raise ConfigError(
            f"--transfer {mode} needs a network that knows something.",
            "Add --pretrained or --weights FILE, or use --transfer scratch.",
        )


def _check_network(built: BuiltNetwork, settings: Settings, dataset: Dataset) -> None:
    if built.task != dataset.task:
        raise ConfigError(
            f"{settings.network.name} gives classes to {built.task}, the data in {dataset.root} "
            f"have classes of {dataset.task}.",
            "Choose another --model: fcdensenet56 is for pixels, resnet18 for images.",
        )
    if not any(True for _ in built.module.parameters()):
        raise ConfigError(f"{settings.network.name} has nothing that could learn.")
    if built.rule == "perceptron" and (settings.augment.mixup or settings.augment.cutmix):
        raise ConfigError("The perceptron's rule knows no mixed images.", "Turn mixup off.")


def place(settings: Settings, built: BuiltNetwork, accelerator: Accelerator) -> None:
    """Puts a network on its device, in the memory layout its kernels like."""
    built.module.to(accelerator.device)
    if is_channels_last(settings, built):
        built.module.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def is_channels_last(settings: Settings, built: BuiltNetwork) -> bool:
    """Whether images lie in memory pixel by pixel: what convolutions like."""
    return settings.channels_last and any(p.dim() == 4 for p in built.module.parameters())
