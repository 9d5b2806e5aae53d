"""Turns the settings of a training into plain values."""

from dataclasses import fields

import torch
from accelerate import Accelerator

from faceswap.core.processes import local_threads
from faceswap.data.batches import BatchPlan
from faceswap.data.warp import WarpRanges
from faceswap.training.loop.phase import Phase
from faceswap.training.loop.plan import Plan
from faceswap.training.losses.weights import LossWeights
from faceswap.training.optimizers.muon import Muon, split_hidden
from faceswap.training.optimizers.schedule import Budget, Schedule
from faceswap.training.settings import (
    AugmentationConfig,
    LossConfig,
    OptimizerConfig,
    TrainConfig,
)

_MAX_WORKERS = 8


def build_loss_weights(config: LossConfig) -> LossWeights:
    """Weights of the loss terms."""
    return LossWeights(**{field.name: getattr(config, field.name) for field in fields(LossWeights)})


def build_optimizer(model: torch.nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """The optimizer; those of torch are fused where the device supports it."""
    betas = (config.beta1, config.beta2)
    if config.name == "muon":
        return Muon(*split_hidden(model), config.lr, betas, config.weight_decay)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[config.name]
    parameters = list(model.parameters())
    return kind(
        parameters,
        lr=config.lr,
        betas=betas,
        weight_decay=config.weight_decay if config.name == "adamw" else 0.0,
        fused=parameters[0].device.type in ("cpu", "cuda", "mps"),
    )


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
    )


def warp_ranges(config: AugmentationConfig) -> WarpRanges:
    """Ranges of the random warp."""
    return WarpRanges(config.rotation, config.zoom, config.shift, config.flip, config.warp)


def build_phase(config: TrainConfig, batches: BatchPlan) -> Phase:
    """What may change in the course of a training."""
    optimizer = config.optimizer
    return Phase(
        batches,
        build_loss_weights(config.loss),
        Schedule(optimizer.lr, optimizer.warmup, optimizer.decay),
        optimizer.clip,
        frozen=frozenset(config.training.freeze),
    )


def build_plan(config: TrainConfig, batches: BatchPlan, device: torch.device) -> Plan:
    """The numbers that steer the loop."""
    output = config.output
    workers = config.data.workers
    if workers is None:
        # Worker processes would compete with a step on the CPU for its cores.
        workers = 0 if device.type == "cpu" else min(_MAX_WORKERS, local_threads() - 1)
    return Plan(
        phase=build_phase(config, batches),
        budget=Budget(config.training.steps, config.training.minutes),
        patience=config.training.patience,
        adapt_threads=config.training.adapt_threads,
        workers=workers,
        save_every=output.save_every,
        save_seconds=60 * output.save_minutes,
        preview_every=output.preview_every,
        log_every=output.log_every,
    )
