"""Turns the settings of a training into plain values."""

from collections.abc import Sequence
from dataclasses import fields, replace

import torch
from accelerate import Accelerator

from faceswap.core.errors import ConfigError
from faceswap.core.processes import local_threads
from faceswap.data.balance import Balance
from faceswap.data.batch_plan import BatchPlan
from faceswap.data.warp import WarpRanges
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.training.discriminators.build import build_discriminators
from faceswap.training.discriminators.trained import TrainedDiscriminator
from faceswap.training.loop.phase import Phase
from faceswap.training.loop.plan import Plan
from faceswap.training.losses.adversarial import AdversarialWeights
from faceswap.training.losses.weights import LossWeights
from faceswap.training.optimizers.by_name import Hyperparameters, make_optimizer
from faceswap.training.optimizers.schedule import Budget, Schedule
from faceswap.training.optimizers.update import UpdateRule
from faceswap.training.settings import (
    AdversarialConfig,
    AugmentationConfig,
    DataConfig,
    LossConfig,
    OptimizerConfig,
    TrainConfig,
)

_MAX_WORKERS = 8
_OF_WHOLE_WEIGHTS = ("prodigy", "soap")  # sums over all weights; preconditioners of matrices


def build_loss_weights(config: LossConfig) -> LossWeights:
    """Weights of the loss terms."""
    return LossWeights(**{field.name: getattr(config, field.name) for field in fields(LossWeights)})


def build_adversarial_weights(config: AdversarialConfig) -> AdversarialWeights:
    """Weights of the adversarial terms."""
    return AdversarialWeights(config.power, config.swaps, config.true_face, config.lr)


def build_adversary(
    configs: Sequence[TrainConfig], model: FaceAutoencoder, opened: Accelerator
) -> dict[str, TrainedDiscriminator]:
    """The discriminators, by name.

    Args:
        configs: Settings of each phase.
        model: The model, on its device.
        opened: Accelerator of the training.

    Raises:
        ConfigError: Phases describe different discriminators.
    """
    settings = [each.adversarial for each in configs]
    shapes = {(each.patch, each.dims) for each in settings if each.power}
    if len(shapes) > 1:
        found = ", ".join(
            f"patch {patch} with dims {dims}" for patch, dims in sorted(shapes, key=str)
        )
        raise ConfigError(
            "Expected the same adversarial.patch and adversarial.dims in all phases with "
            f"adversarial.power, found {found}.",
            "Set both for the whole training.",
        )
    patch, dims = shapes.pop() if shapes else (None, 0)
    return build_discriminators(
        model,
        [build_adversarial_weights(each) for each in settings],
        patch,
        dims,
        configs[0].seed,
        opened.device,
        fp16=opened.scaler is not None,
    )


def divides(config: TrainConfig, opened: Accelerator) -> bool:
    """Whether the weights of the model are divided over the processes.

    Raises:
        ConfigError: Another setting does not allow it.
    """
    if not config.training.shard:
        return False
    if config.optimizer.name in _OF_WHOLE_WEIGHTS:
        raise ConfigError(
            f"The optimizer {config.optimizer.name} needs whole weights, and training.shard "
            "divides them over the processes.",
            "Use muon, adam, adamw, adabelief or lion: --set optimizer.name=muon",
        )
    if opened.mixed_precision == "fp16":
        raise ConfigError(
            "training.shard does not train in fp16.", "Use --set training.precision=bf16, or fp32."
        )
    if config.training.compile:
        raise ConfigError(
            "training.compile and training.shard exclude each other.", "Set one of them to false."
        )
    return opened.num_processes > 1


def build_optimizer(model: torch.nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """The optimizer of a model's parameters.

    Raises:
        ConfigError: The optimizer has no such hyperparameter, or the rate does not suit it.
    """
    betas = (config.beta1, config.beta2)
    values = Hyperparameters(config.lr, betas, config.weight_decay, config.eps)
    return make_optimizer(config.name, model, values)


def build_batch_plan(config: TrainConfig, opened: Accelerator) -> BatchPlan:
    """Settings that determine the batches of this process."""
    augmentation = config.augmentation
    return BatchPlan(
        seed=config.seed,
        batch=config.training.batch,
        ranges=warp_ranges(augmentation),
        photometric=augmentation.photometric,
        light=augmentation.light,
        colour_transfer=augmentation.colour_transfer,
        match=config.data.match,
        rank=opened.process_index,
        world_size=opened.num_processes,
        micro_batches=config.training.micro_batches,
        flips=augmentation.flip if isinstance(augmentation.flip, dict) else {},
        balance=build_balance(config.data),
        match_pose=config.data.match_pose,
        colour_method=augmentation.colour_method,
        clahe=augmentation.clahe,
        degradation=augmentation.degradation,
        landmark_warp=augmentation.landmark_warp,
    )


def build_balance(config: DataConfig) -> Balance:
    """Which faces are sampled more often than others."""
    return Balance(
        config.balance_pose,
        config.balance_expression,
        config.balance_sources,
        config.sharpness,
        config.skip_blurred,
    )


def warp_ranges(config: AugmentationConfig) -> WarpRanges:
    """Ranges of the random warp."""
    flip = 0.0 if isinstance(config.flip, dict) else config.flip
    return WarpRanges(config.rotation, config.zoom, config.shift, flip, config.warp)


def build_phases(config: TrainConfig, opened: Accelerator) -> tuple[Phase, ...]:
    """The phases of a training in their order, at least one."""
    built = [build_phase(own, build_batch_plan(own, opened)) for own in config.in_phases()]
    default = config.training.patience
    if not config.phases:
        return (replace(built[0], patience=default),)
    return tuple(
        replace(
            phase,
            name=given.name,
            share=given.share,
            patience=default if given.patience is None else given.patience,
        )
        for phase, given in zip(built, config.phases, strict=True)
    )


def build_phase(config: TrainConfig, batches: BatchPlan) -> Phase:
    """What may change in the course of a training."""
    optimizer = config.optimizer
    return Phase(
        batches,
        build_loss_weights(config.loss),
        Schedule(optimizer.lr, optimizer.warmup, optimizer.decay, optimizer.schedule),
        UpdateRule(optimizer.clip, optimizer.auto_clip, optimizer.lr_dropout),
        frozen=frozenset(config.training.freeze),
        adversarial=build_adversarial_weights(config.adversarial),
    )


def build_plan(config: TrainConfig, phases: Sequence[Phase], device: torch.device) -> Plan:
    """The numbers that steer the loop."""
    output = config.output
    workers = config.data.workers
    if workers is None:
        # Worker processes would compete with a step on the CPU for its cores.
        workers = 0 if device.type == "cpu" else min(_MAX_WORKERS, local_threads() - 1)
    return Plan(
        phases=tuple(phases),
        budget=Budget(config.training.steps, config.training.minutes),
        adapt_threads=config.training.adapt_threads,
        workers=workers,
        save_every=output.save_every,
        save_seconds=60 * output.save_minutes,
        preview_every=output.preview_every,
        log_every=output.log_every,
    )
