"""Assembles the trainer of a run from its settings, its data and its model."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray

from faceswap.core.ema import EMA
from faceswap.core.log import get_logger
from faceswap.core.peers import Peers
from faceswap.core.processes import leave_unused
from faceswap.core.tensorboard_log import open_scalar_log
from faceswap.core.trackers import Trackers
from faceswap.core.training_state import CHOICE
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.model_file import ModelMeta
from faceswap.recognizers.registry import DEFAULT
from faceswap.training.discriminators.trained import TrainedDiscriminator
from faceswap.training.from_settings import (
    build_adversary,
    build_optimizer,
    build_plan,
    divides,
)
from faceswap.training.inputs.guide_data import GuideData
from faceswap.training.inputs.loss_networks import open_loss_networks
from faceswap.training.inputs.prepare import TrainingData
from faceswap.training.loop.phase import Phase
from faceswap.training.loop.plan import Output
from faceswap.training.loop.recompute import recompute_activations
from faceswap.training.loop.shard_model import shard_models
from faceswap.training.loop.step import TrainStep
from faceswap.training.loop.trainer import Trainer
from faceswap.training.monitoring.curves import CURVES, Curves
from faceswap.training.monitoring.face_judge import open_face_judge
from faceswap.training.monitoring.live_page import LivePage
from faceswap.training.monitoring.measurement import Measurement
from faceswap.training.monitoring.preview_faces import (
    open_preview_faces,
    preview_faces,
    with_subjects,
)
from faceswap.training.monitoring.preview_writer import PreviewWriter
from faceswap.training.monitoring.previews import Previews
from faceswap.training.monitoring.report import Callbacks, Reporter
from faceswap.training.monitoring.shown_faces import ShownFaces, shown_faces
from faceswap.training.monitoring.swaps import SwapMeasurement
from faceswap.training.optimizers.update import GradientNorms
from faceswap.training.run.choice import ModelChoice
from faceswap.training.run.progress import Progress
from faceswap.training.run.replica import Replica
from faceswap.training.run.run_directory import RunDirectory
from faceswap.training.run.state import RunState
from faceswap.training.settings import TrainConfig

_log = get_logger(__name__)
_MEASURED_FACES, _PREVIEW_FACES = 32, 5
_GRAPHS = 32  # a growing model has two for each level
_ADVICE = (
    "Lower --set optimizer.lr, set --set optimizer.clip=1, or use --set training.precision=fp32, "
    "and run the same command again."
)


def assemble_trainer(
    config: TrainConfig,
    phases: Sequence[Phase],
    meta: ModelMeta,
    run: RunDirectory,
    opened: Accelerator,
    model: FaceAutoencoder,
    data: TrainingData,
    callbacks: Callbacks | None,
) -> Trainer:
    """Builds optimizer, losses, state and outputs around a model, and restores the last checkpoint.

    Args:
        config: Settings of the training.
        phases: Phases of the training, in order.
        meta: Description of the model.
        run: Folder of the run.
        opened: Accelerator of the training.
        model: The model; it is moved to its device.
        data: Data of the training.
        callbacks: Callbacks of the training; None for one that reports nothing.

    Raises:
        FaceswapError: Settings, weights or checkpoints cannot be used.
    """
    if data.guide_data is not None:
        data.guide_data.fill(model)
    divided = divides(config, opened)
    if not divided:  # a part of it at a time
        model.to(opened.device)
    ema = EMA(model, config.optimizer.ema) if config.optimizer.ema else None
    adversary = build_adversary(config.in_phases(), model, opened)
    models = [model, *([] if ema is None else [ema.module])]
    replicas = []
    if divided:
        keep = opened.is_main_process
        replicas = [Replica(each, opened.device, keep=keep) for each in models]
        shard_models(opened, *models)
    if config.training.compile:
        model.compile(recompile_limit=_GRAPHS)
    optimizer = build_optimizer(model, config.in_phases()[0].optimizer)
    norms = GradientNorms()
    plan = build_plan(config, phases, opened.device)
    with Peers.of(opened).together():  # one machine may lack the weights
        networks = open_loss_networks(
            [phase.losses for phase in phases],
            config.loss.identity_network,
            data.batches.sources,
            data.batches.training,
            opened.device,
        )
    if networks.identity is not None:
        used = {*meta.loss_recognizers, config.loss.identity_network}
        meta = replace(meta, loss_recognizers=sorted(used))
    state = _build_state(
        config,
        meta,
        run,
        opened,
        model,
        optimizer,
        norms,
        data.guide_data,
        adversary,
        ema,
        replicas,
    )
    progress = state.load(Progress)
    if progress:
        _log.info("Resumed at step %d.", progress.step)
    if config.training.checkpointing:
        recompute_activations(model)
    if model.grows:
        leave_unused(opened)
    # After loading: Accelerate sends the weights of the first process to the others.
    step = TrainStep(
        opened,
        model,
        optimizer,
        next(iter(data.batches.sources.values())).geometry.margin,
        norms,
        adversary,
        frozenset.intersection(*(phase.frozen for phase in phases)),
        networks,
    )
    with Peers.of(opened).together():  # a tracker may refuse to start
        output = _build_output(config, state, run, opened, data, progress, callbacks)
    return Trainer(opened, step, data.batches, state, progress, plan, output)


def _build_state(
    config: TrainConfig,
    meta: ModelMeta,
    run: RunDirectory,
    opened: Accelerator,
    model: FaceAutoencoder,
    optimizer: torch.optim.Optimizer,
    norms: GradientNorms,
    guide_data: GuideData | None,
    adversary: Mapping[str, TrainedDiscriminator],
    ema: EMA | None,
    replicas: Sequence[Replica],
) -> RunState:
    choice = ModelChoice(model, ema)
    for averaged, replica in enumerate(replicas):
        if replica.whole is not None:
            choice.models[bool(averaged)] = replica.whole
    return RunState(
        folder=run.checkpoints,
        model=model,
        optimizer=optimizer,
        scaler=opened.scaler,
        ema=ema,
        keep=config.output.keep,
        advice=_ADVICE,
        export_to=run.model,
        meta=meta,
        choice=choice,
        record=run.record_progress,
        guide_data=guide_data,
        extras={"gradient norms": norms, CHOICE: choice},
        discriminators=adversary,
        peers=Peers.of(opened),
        replicas=replicas,
    )


def _build_output(
    config: TrainConfig,
    state: RunState,
    run: RunDirectory,
    opened: Accelerator,
    data: TrainingData,
    progress: Progress | None,
    callbacks: Callbacks | None,
) -> Output:
    if callbacks is None or not opened.is_main_process:
        return Output(None)
    sources, model = data.batches.sources, state.choice.model
    size = max(model.input_size, model.full_size)
    held_out = {n: i for n, i in data.held_out.items() if len(i)}
    # Without held-out faces, previews show training faces.
    shown = {**data.batches.training, **held_out}

    def faces(name: str, indices: NDArray[np.int64], at_most: int) -> ShownFaces:
        return shown_faces(sources[name], indices, at_most, size, name, data.guide_data)

    step = progress.step if progress else 0
    settings, page, name = config.output, None, run.path.resolve().name
    if settings.live_page:
        page = LivePage(run.previews, name, list(sources), step, run.logs / CURVES)
    place, bf16 = opened.device, opened.mixed_precision == "bf16"
    measured = {n: faces(n, i, _MEASURED_FACES) for n, i in held_out.items()}
    own = open_preview_faces(
        settings.preview_faces, list(sources), config.data.mask, guided=data.guide_data is not None
    )
    previewed = {
        n: preview_faces(own[n], _PREVIEW_FACES, size, config.data.coverage)
        if n in own
        else faces(n, i, _PREVIEW_FACES)
        for n, i in shown.items()
    }
    swaps = SwapMeasurement(
        measured,
        partial(open_face_judge, state.meta.coverage),
        counts_identity=DEFAULT not in state.meta.loss_recognizers,
    )
    reporter = Reporter(
        # Later entries of earlier starts are dropped.
        open_scalar_log(run.logs, purge_step=step + 1),
        Measurement(state.choice, measured, swaps, place, bf16),
        Previews(
            PreviewWriter(run.previews, with_subjects(state.meta, own)),
            state.choice,
            previewed,
            place,
            bf16,
            timelapse=settings.timelapse,
        ),
        Trackers(
            settings.trackers,
            run.logs / "trackers.json",
            settings.tracker_project,
            name,
            config.model_dump(mode="json"),
        ),
        Curves(run.logs, name, step),
        page=page,
        logs_images=settings.log_images,
    )
    return Output(reporter, callbacks.on_step)
