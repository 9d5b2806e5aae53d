"""Builds a training from its settings and its facesets, and runs it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray

from faceswap.core.ema import EMA
from faceswap.core.errors import ConfigError
from faceswap.core.log import get_logger
from faceswap.core.processes import hold_run, leave_unused, open_accelerator
from faceswap.core.seeding import seed_everything
from faceswap.core.training_state import CHOICE
from faceswap.facesets.faceset import Faceset
from faceswap.models import build_model, check_options
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.model_file import ModelMeta
from faceswap.models.reuse import check_frozen, earlier_subjects
from faceswap.training.discriminators.trained import TrainedDiscriminator
from faceswap.training.from_settings import (
    build_adversary,
    build_optimizer,
    build_phases,
    build_plan,
)
from faceswap.training.inputs.guide_data import GuideData
from faceswap.training.inputs.loss_networks import open_loss_networks
from faceswap.training.inputs.prepare import TrainingData, check_guided, open_facesets, prepare_data
from faceswap.training.loop.phase import Phase
from faceswap.training.loop.plan import Output, TrainResult
from faceswap.training.loop.recompute import recompute_activations
from faceswap.training.loop.step import TrainStep
from faceswap.training.loop.trainer import Trainer
from faceswap.training.monitoring.report import NO_CALLBACKS, Callbacks, Reporter
from faceswap.training.monitoring.shown_faces import ShownFaces, shown_faces
from faceswap.training.optimizers.update import GradientNorms
from faceswap.training.run.choice import ModelChoice
from faceswap.training.run.earlier_models import earlier_recognizers, start_model
from faceswap.training.run.progress import Progress
from faceswap.training.run.run_directory import RunDirectory, describe_facesets
from faceswap.training.run.state import RunState
from faceswap.training.settings import TrainConfig

_log = get_logger(__name__)
_MEASURED_FACES, _PREVIEW_FACES = 64, 5
_ADVICE = (
    "Lower --set optimizer.lr, set --set optimizer.clip=1, or use --set training.precision=fp32, "
    "and run the same command again."
)


def run_training(
    config: TrainConfig,
    faces: Mapping[str, Sequence[Path]],
    output: Path,
    command: Sequence[str] = (),
    callbacks: Callbacks = NO_CALLBACKS,
    *,
    allow_changes: bool = False,
) -> TrainResult:
    """Trains a model, or resumes the training in ``output``.

    Args:
        config: Settings of the training.
        faces: Faceset directories of each identity, in the order of the model.
        output: Folder of the run.
        command: Command line, for the record.
        callbacks: Callbacks of the training.
        allow_changes: Whether to resume although seed, model or data changed.

    Raises:
        FaceswapError: Settings, facesets or the run cannot be used.
    """
    with open_training(config, faces, output, command, callbacks, allow_changes=allow_changes) as (
        _,
        trainer,
    ):
        return trainer.train()


@contextmanager
def open_training(
    config: TrainConfig,
    faces: Mapping[str, Sequence[Path]],
    output: Path,
    command: Sequence[str] = (),
    callbacks: Callbacks = NO_CALLBACKS,
    *,
    allow_changes: bool = False,
    writes: bool = True,
) -> Iterator[tuple[Accelerator, Trainer]]:
    """Holds a run, with everything that its next step needs.

    Args:
        config: Settings of the training.
        faces: Faceset directories of each identity, in the order of the model.
        output: Folder of the run.
        command: Command line, for the record.
        callbacks: Callbacks of the training.
        allow_changes: Whether to resume although seed, model or data changed.
        writes: Whether to write the run. Otherwise only the cache of faces is written, and the
            trainer reports nothing.

    Raises:
        FaceswapError: Settings, facesets or the run cannot be used.
    """
    check_options(config.model.name, config.model.options)
    run = RunDirectory(output)
    run.exists()  # refuses a folder of something else before any work
    facesets = open_facesets(faces, config.data.minimum, config.data.mask)
    with (
        # No network here has statistics that the processes would have to agree on.
        open_accelerator(
            config.training.device, config.training.precision, share_buffers=False
        ) as opened,
        hold_run(opened, output, "the training"),
    ):
        seed_everything(config.seed)
        model = build_model(config.model.name, list(facesets), config.model.options)
        _check_phases(config, model, facesets)
        origins = start_model(model, config.model.start_from, run, config.data.coverage)
        phases = build_phases(config, opened)
        plans = [phase.batches for phase in phases]
        data = prepare_data(config, facesets, run.cache, opened, model, plans, callbacks.on_faces)
        described = describe_facesets(facesets, data.contents)
        edited = run.edited_faces(described, data.edited)
        record = partial(
            run.start,
            config,
            described,
            command,
            edited=edited,
            origins=origins,
            allow_changes=allow_changes,
        )
        start = record(write=False)
        for change in start.changes:
            _log.info("Changed since the last start: %s.", change)
        meta = _describe_model(config, facesets, model, run, origins)
        reported = callbacks if writes else None
        trainer = _build_trainer(config, phases, meta, run, opened, model, data, reported)
        opened.wait_for_everyone()  # all have compared and restored before the first writes
        if start.outdates(trainer.progress.step):
            trainer.progress.forget_best()
        if writes and opened.is_main_process:
            record()
        _log.info(
            "%s, %.2f million parameters, on %s in %s, %d process(es).",
            config.model.name,
            sum(p.numel() for p in model.parameters()) / 1e6,
            opened.device,
            "fp32" if opened.mixed_precision == "no" else opened.mixed_precision,
            opened.num_processes,
        )
        yield opened, trainer


def _describe_model(
    config: TrainConfig,
    facesets: Mapping[str, Sequence[Faceset]],
    model: FaceAutoencoder,
    run: RunDirectory,
    origins: Sequence[Mapping[str, Any]],
) -> ModelMeta:
    subjects = {name: [faceset.subject for faceset in sets] for name, sets in facesets.items()}
    return ModelMeta(
        config.model.name,
        check_options(config.model.name, config.model.options),
        model.identities,
        config.data.coverage,
        0,
        earlier_subjects(subjects, origins),
        config.seed,
        origins=[dict(origin) for origin in origins],
        loss_recognizers=earlier_recognizers(run, origins),
    )


def _check_phases(
    config: TrainConfig, model: FaceAutoencoder, facesets: Mapping[str, Sequence[Faceset]]
) -> None:
    """Refuses settings that the model cannot be trained with, before any work."""
    names = [f"In the phase {phase.name!r}: " for phase in config.phases] or [""]
    for name, own in zip(names, config.in_phases(), strict=True):
        try:
            check_guided(own, model, facesets)
            check_frozen(own.training.freeze, model)
        except ConfigError as error:
            raise ConfigError(name + error.message, error.hint) from error


def _build_trainer(
    config: TrainConfig,
    phases: Sequence[Phase],
    meta: ModelMeta,
    run: RunDirectory,
    opened: Accelerator,
    model: FaceAutoencoder,
    data: TrainingData,
    callbacks: Callbacks | None,
) -> Trainer:
    if data.guide_data is not None:
        data.guide_data.fill(model)
    model.to(opened.device)
    if config.training.compile:
        model.compile()
    optimizer = build_optimizer(model, config.optimizer)
    norms = GradientNorms()
    plan = build_plan(config, phases, opened.device)
    networks = open_loss_networks(
        [phase.losses for phase in phases],
        config.loss.identity_network,
        data.batches.caches,
        data.batches.training,
        opened.device,
    )
    if networks.identity is not None:
        used = {*meta.loss_recognizers, config.loss.identity_network}
        meta = replace(meta, loss_recognizers=sorted(used))
    adversary = build_adversary(config.in_phases(), model, opened)
    state = _build_state(
        config, meta, run, opened, model, optimizer, norms, data.guide_data, adversary
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
        next(iter(data.batches.caches.values())).geometry.margin,
        norms,
        adversary,
        frozenset.intersection(*(phase.frozen for phase in phases)),
        networks,
    )
    output = _build_output(state, run, opened, data, progress, callbacks)
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
) -> RunState:
    ema = EMA(model, config.optimizer.ema) if config.optimizer.ema else None
    choice = ModelChoice(model, ema)
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
    )


def _build_output(
    state: RunState,
    run: RunDirectory,
    opened: Accelerator,
    data: TrainingData,
    progress: Progress | None,
    callbacks: Callbacks | None,
) -> Output:
    if callbacks is None or not opened.is_main_process:
        return Output(None, {})
    caches, model = data.batches.caches, state.choice.model
    size = max(model.input_size, model.full_size)
    held_out = {n: i for n, i in data.held_out.items() if len(i)}
    # Without held-out faces, previews show training faces.
    shown = {**data.batches.training, **held_out}

    def faces(name: str, indices: NDArray[np.int64], at_most: int) -> ShownFaces:
        return shown_faces(caches[name], indices, at_most, size, name, data.guide_data)

    reporter = Reporter(
        run,
        state.choice,
        state.meta,
        {n: faces(n, i, _MEASURED_FACES) for n, i in held_out.items()},
        opened.device,
        opened.mixed_precision == "bf16",
        progress.step if progress else 0,
    )
    previews = {n: faces(n, i, _PREVIEW_FACES) for n, i in shown.items()}
    return Output(reporter, previews, callbacks.on_step)
