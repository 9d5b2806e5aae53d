"""Builds a training session from its settings."""

from pathlib import Path

from accelerate import Accelerator

from classifier.data.augmentation import Augmentation
from classifier.data.batches import BatchPlan
from classifier.data.dataset import Dataset
from classifier.data.loading import pixel_side
from classifier.data.scenery import BACKGROUND
from classifier.models import BuiltNetwork
from classifier.models.anatomy import layer_groups
from classifier.training.batch_norm import require_batch_norm_values
from classifier.training.learner import Learner, OptimizerSpec, make_learner
from classifier.training.mixing import Mixing
from classifier.training.networks import build_for, check_transfer, to_channels_last
from classifier.training.objective import Objective, make_objective
from classifier.training.reporter import Reporter
from classifier.training.schedule import Schedule
from classifier.training.session import Session
from classifier.training.settings import AugmentSettings, Settings
from classifier.training.sources import ImageSource, Source, make_feature_source
from classifier.training.trainer import Plan
from classifier.training.training_data import (
    LoadedSplits,
    load_splits,
    loss_weights,
    open_splits,
    padded_side,
)
from classifier.training.transfer import Transfer
from faceswap.core.checkpoint import Checkpoint
from faceswap.core.errors import ConfigError
from faceswap.core.seeding import seed_everything
from faceswap.core.training_state import MODEL, load_into


def open_data(path: Path, settings: Settings) -> Dataset:
    """Opens and splits a data set; see ``open_splits``."""
    data = settings.data
    return open_splits(path, data.group, data.classes, data.validation, settings.seed)


def stored_side(
    built: BuiltNetwork, settings: Settings, dataset: Dataset
) -> tuple[int, int] | None:
    """Height and width at which images are stored in pixels; None is the network's own size.

    Images for random crops are stored larger, so that crops lose no resolution.
    """
    if built.task == "pixels":
        return pixel_side(dataset.samples, settings.data.height, settings.data.width)
    if settings.augment.crop < 1 and settings.transfer.mode != "features":
        return padded_side(built.input.size)
    return None


def build_session(
    dataset: Dataset,
    settings: Settings,
    accelerator: Accelerator,
    reporter: Reporter,
    *,
    cache: Path | None = None,
    found: Checkpoint | None = None,
) -> Session:
    """Builds the network, decodes the images and builds the optimizer.

    Args:
        dataset: Data set from ``open_data``.
        settings: All settings.
        accelerator: Accelerator of the training.
        reporter: Receives what was found.
        cache: Folder for decoded images and features; None keeps them in memory.
        found: Checkpoint of a resumed run, whose weights replace the initial ones.

    Raises:
        MediaError: The data cannot be used.
        ConfigError: Settings contradict each other, the network or the data.
        WeightsUnavailable: The published weights cannot be fetched.
    """
    reporter.on_dataset(dataset)
    seed_everything(settings.seed)
    built = build_network(dataset, settings, reporter, fresh=found is None)
    if found is not None:  # before the features of a frozen network are computed
        load_into(built.module, found, MODEL)
    side = stored_side(built, settings, dataset)
    count = sum(len(dataset.splits[split]) for split in ("train", "validation"))
    with reporter.bar("read images", count, "images") as advance:
        splits = load_splits(dataset, built, side, cache, advance)
    reporter.on_splits(dataset, splits)
    channels_last = place(built, settings, accelerator)
    source = build_source(built, splits, settings, accelerator, reporter, channels_last, cache)
    require_batch_norm_values(
        built, source.trained_module(built.module), source.batch_size, accelerator.num_processes
    )
    weights = loss_weights(settings.data.balance, dataset, splits.train)
    smoothing = settings.optimizer.label_smoothing
    objective = make_objective(splits.train.labels, len(dataset.classes), weights, smoothing)
    learner = build_learner(built, source, objective, settings, accelerator)
    return Session(dataset, built, side, source, learner, len(splits.validation))


def build_network(
    dataset: Dataset, settings: Settings, reporter: Reporter, *, fresh: bool = True
) -> BuiltNetwork:
    """Builds the network of the settings, on the CPU.

    Args:
        dataset: The data set with the classes.
        settings: All settings.
        reporter: Receives what was loaded.
        fresh: Whether to load initial weights; a resumed run has its own.

    Raises:
        ConfigError: Settings contradict each other, the network or the data.
        WeightsUnavailable: The published weights cannot be fetched.
    """
    network, augment = settings.network, settings.augment
    check_transfer(settings.transfer.mode, pretrained=network.pretrained, weights=network.weights)
    built, report = build_for(
        dataset,
        network.name,
        dict(network.options),
        network.size,
        pretrained=network.pretrained and fresh,
        weights=network.weights if fresh else None,
    )
    if report is not None:
        reporter.on_weights(report)
    if built.rule == "perceptron" and (augment.mixup or augment.cutmix):
        raise ConfigError(
            "The perceptron rule cannot learn from mixed images.",
            "Use --set augment.mixup=0 --set augment.cutmix=0.",
        )
    if augment.background or augment.occlude:
        _require_background(dataset)
    return built


def _require_background(dataset: Dataset) -> None:
    first = dataset.classes[BACKGROUND].casefold()
    if dataset.task != "pixels" or first != "background":
        labels = f"the first class {first!r}" if dataset.task == "pixels" else "one class per image"
        raise ConfigError(
            "augment.background and augment.occlude expect masks with a first class background, "
            f"found {labels}.",
            "Use --set augment.background=0 --set augment.occlude=0, or another class file.",
        )


def place(built: BuiltNetwork, settings: Settings, accelerator: Accelerator) -> bool:
    """Moves a network to its device and memory layout; whether that is channels_last."""
    built.module.to(accelerator.device)
    return settings.channels_last and to_channels_last(built)


def build_source(
    built: BuiltNetwork,
    splits: LoadedSplits,
    settings: Settings,
    accelerator: Accelerator,
    reporter: Reporter,
    channels_last: bool,
    cache: Path | None,
) -> Source:
    """Builds the training and validation batches; computes features in mode ``features``."""
    plan = BatchPlan(
        settings.seed,
        settings.data.batch_size,
        Augmentation(**settings.augment.model_dump(exclude={"mixup", "cutmix"})),
        built.input.size,
        settings.data.balance,
        accelerator.process_index,
        accelerator.num_processes,
    )
    if settings.transfer.mode != "features":
        return ImageSource(built, plan, splits.train, splits.validation, channels_last)
    if ignored := ignored_settings(settings.augment):
        reporter.on_ignored_settings(ignored)
    total = len(splits.train) + len(splits.validation)
    with reporter.bar("features", total, "images") as advance:
        return make_feature_source(built, plan, splits, accelerator, cache, advance)


def ignored_settings(augment: AugmentSettings) -> list[str]:
    """Names of augmentation settings without effect on features that are computed once."""
    defaults = AugmentSettings().model_dump()
    changed = [name for name, value in augment.model_dump().items() if value != defaults[name]]
    return [f"augment.{name}" for name in changed if name != "flip"]


def build_learner(
    built: BuiltNetwork,
    source: Source,
    objective: Objective,
    settings: Settings,
    accelerator: Accelerator,
) -> Learner:
    """Builds the optimizer and the training step of the settings."""
    transfer, optimizer, augment = settings.transfer, settings.optimizer, settings.augment
    # Features are not images: mixing them would be another method.
    mixes = transfer.mode != "features"
    return make_learner(
        accelerator,
        built,
        source,
        Transfer(transfer.mode, layer_groups(built), transfer.first_rate, transfer.unfreeze_every),
        OptimizerSpec(
            optimizer.name,
            optimizer.lr,
            optimizer.momentum,
            optimizer.weight_decay,
            optimizer.clip,
        ),
        objective,
        Mixing(settings.seed, augment.mixup * mixes, augment.cutmix * mixes),
    )


def build_plan(settings: Settings, save_seconds: float) -> Plan:
    """The numbers that steer the loop, from the settings."""
    chosen = settings.optimizer
    schedule = Schedule(chosen.lr, chosen.schedule, settings.epochs, chosen.decay, chosen.warmup)
    return Plan(settings.epochs, schedule, settings.patience, settings.seed, save_seconds)
