"""Assembles the trainer of an opened training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from faceswap.core.ema import EMA
from faceswap.core.log import get_logger
from faceswap.core.peers import Peers
from faceswap.core.processes import leave_unused
from faceswap.core.training_state import CHOICE
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.model_file import ModelMeta
from faceswap.training.discriminators.trained import TrainedDiscriminator
from faceswap.training.from_settings import (
    build_adversary,
    build_optimizer,
    build_plan,
    divides,
)
from faceswap.training.inputs.loss_networks import open_loss_networks
from faceswap.training.loop.recompute import recompute_activations
from faceswap.training.loop.shard_model import shard_models
from faceswap.training.loop.step import TrainStep
from faceswap.training.loop.trainer import Trainer
from faceswap.training.losses.networks import LossNetworks
from faceswap.training.monitoring.report import Callbacks
from faceswap.training.opened import OpenedTraining
from faceswap.training.optimizers.update import GradientNorms
from faceswap.training.reporting import build_output
from faceswap.training.run.choice import ModelChoice
from faceswap.training.run.progress import Progress
from faceswap.training.run.replica import Replica
from faceswap.training.run.state import RunState

_log = get_logger(__name__)
_GRAPHS = 32  # a growing model has two for each level
_ADVICE = (
    "Lower --set optimizer.lr, set --set optimizer.clip=1, or use --set training.precision=fp32, "
    "and run the same command again."
)


@dataclass(frozen=True)
class _Trained:
    """The networks that a training changes, on their device, with what changes them.

    Attributes:
        model: The model.
        ema: Moving average of its weights, or None.
        replicas: Whole copies of both where their weights are divided over the processes.
        discriminators: Discriminators that any phase gives weight to, by name.
        optimizer: Optimizer of the model's parameters.
        norms: Gradient norms of earlier steps.
    """

    model: FaceAutoencoder
    ema: EMA | None
    replicas: Sequence[Replica]
    discriminators: Mapping[str, TrainedDiscriminator]
    optimizer: torch.optim.Optimizer
    norms: GradientNorms


def assemble_trainer(
    training: OpenedTraining, model: FaceAutoencoder, callbacks: Callbacks | None
) -> Trainer:
    """Builds optimizer, losses, state and outputs around a model, and restores the last checkpoint.

    Args:
        training: The training.
        model: The model; it is moved to its device.
        callbacks: Callbacks of the training; None for one that reports nothing.

    Raises:
        FaceswapError: Settings, weights or checkpoints cannot be used.
    """
    config, accelerator, data = training.config, training.accelerator, training.data
    trained = _prepare_networks(training, model)
    plan = build_plan(config, training.phases, accelerator.device)
    networks = _open_loss_networks(training)
    state = _build_state(training, trained, networks)
    progress = state.load(Progress)
    if progress:
        _log.info("Resumed at step %d.", progress.step)
    if config.training.checkpointing:
        recompute_activations(model)
    if model.grows:
        leave_unused(accelerator)
    # After loading: Accelerate sends the weights of the first process to the others.
    step = TrainStep(
        accelerator,
        model,
        trained.optimizer,
        next(iter(data.batches.sources.values())).geometry.margin,
        trained.norms,
        trained.discriminators,
        frozenset.intersection(*(phase.frozen for phase in training.phases)),
        networks,
    )
    with Peers.of(accelerator).together():  # a tracker may refuse to start
        output = build_output(training, state, progress.step if progress else 0, callbacks)
    return Trainer(accelerator, step, data.batches, state, progress, plan, output)


def _prepare_networks(training: OpenedTraining, model: FaceAutoencoder) -> _Trained:
    config, accelerator = training.config, training.accelerator
    if training.data.guide_data is not None:
        training.data.guide_data.fill(model)
    divided = divides(config, accelerator)
    if not divided:  # a part of it at a time
        model.to(accelerator.device)
    ema = EMA(model, config.optimizer.ema) if config.optimizer.ema else None
    discriminators = build_adversary(config.in_phases(), model, accelerator)
    replicas = []
    if divided:
        models = [model, *([] if ema is None else [ema.module])]
        keep = accelerator.is_main_process
        replicas = [Replica(each, accelerator.device, keep=keep) for each in models]
        shard_models(accelerator, *models)
    if config.training.compile:
        model.compile(recompile_limit=_GRAPHS)
    optimizer = build_optimizer(model, config.in_phases()[0].optimizer)
    return _Trained(model, ema, replicas, discriminators, optimizer, GradientNorms())


def _open_loss_networks(training: OpenedTraining) -> LossNetworks:
    batches = training.data.batches
    with Peers.of(training.accelerator).together():  # one machine may lack the weights
        return open_loss_networks(
            [phase.losses for phase in training.phases],
            training.config.loss.identity_network,
            batches.sources,
            batches.training,
            training.accelerator.device,
        )


def _build_state(training: OpenedTraining, trained: _Trained, networks: LossNetworks) -> RunState:
    config, run, accelerator = training.config, training.run, training.accelerator
    choice = ModelChoice(trained.model, trained.ema)
    for averaged, replica in enumerate(trained.replicas):
        if replica.whole is not None:
            choice.models[bool(averaged)] = replica.whole
    return RunState(
        folder=run.checkpoints,
        model=trained.model,
        optimizer=trained.optimizer,
        scaler=accelerator.scaler,
        ema=trained.ema,
        keep=config.output.keep,
        advice=_ADVICE,
        export_to=run.model,
        meta=_with_recognizer(training.meta, config.loss.identity_network, networks),
        choice=choice,
        record=run.record_progress,
        guide_data=training.data.guide_data,
        extras={"gradient norms": trained.norms, CHOICE: choice},
        discriminators=trained.discriminators,
        peers=Peers.of(accelerator),
        replicas=trained.replicas,
    )


def _with_recognizer(meta: ModelMeta, name: str, networks: LossNetworks) -> ModelMeta:
    """The description with the recognition network of the loss, if a term is computed with one."""
    if networks.identity is None:
        return meta
    return replace(meta, loss_recognizers=sorted({*meta.loss_recognizers, name}))
