"""Builds a training from its settings and its facesets, and runs it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray

from faceswap.core.ema import EMA
from faceswap.core.errors import FacesetError, IdentityError
from faceswap.core.log import get_logger
from faceswap.core.processes import local_threads, open_accelerator
from faceswap.core.seeding import seed_everything
from faceswap.core.training_state import Progress
from faceswap.data.batches import BatchPlan, FaceBatches
from faceswap.data.cache import CropGeometry, FaceCache, build_cache
from faceswap.data.matching import expressions, find_matches
from faceswap.data.sampling import rank_slots, split_facesets
from faceswap.data.warp import WarpRanges
from faceswap.facesets.faceset import Faceset
from faceswap.models import build_model, check_options
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.model_file import ModelMeta
from faceswap.training.held_out import untouched_faces
from faceswap.training.losses import LossWeights
from faceswap.training.report import Reporter, StepReport
from faceswap.training.run_directory import RunDirectory, describe_facesets
from faceswap.training.schedule import Budget, Schedule
from faceswap.training.settings import (
    AugmentationConfig,
    LossConfig,
    OptimizerConfig,
    TrainConfig,
)
from faceswap.training.state import RunState
from faceswap.training.step import TrainStep
from faceswap.training.trainer import Output, Plan, Trainer, TrainResult

_log = get_logger(__name__)
_MEASURED_FACES, _PREVIEW_FACES, _MAX_WORKERS = 64, 5, 8
_ADVICE = (
    "Lower --set optimizer.lr, set --set optimizer.clip=1, or use --set training.precision=fp32, "
    "and run the same command again."
)


@dataclass(frozen=True)
class Callbacks:
    """Callbacks of a training; called in the first process only.

    Attributes:
        on_faces: Called with the number of faces added to the cache since the last call.
        on_step: Called with a report at the start and every few steps.
    """

    on_faces: Callable[[int], object] = lambda _: None
    on_step: Callable[[StepReport], object] = lambda _: None


def open_facesets(faces: Mapping[str, Sequence[Path]], minimum: int) -> dict[str, list[Faceset]]:
    """Opens the facesets of each identity.

    Args:
        faces: For each identity, the directories of its facesets.
        minimum: Fewest faces an identity may have.

    Raises:
        IdentityError: There are fewer than two identities.
        FacesetError: A faceset is missing, incomplete or damaged, or there are too few faces.
    """
    if len(faces) < 2:
        raise IdentityError(
            f"Expected at least two identities, found {len(faces)}: {', '.join(faces) or 'none'}.",
            "Repeat --faces: --faces alice=faces/alice --faces bob=faces/bob",
        )
    opened = {name: [Faceset.open(path) for path in paths] for name, paths in faces.items()}
    for name, sets in opened.items():
        found = sum(len(faceset.trainable()) for faceset in sets)
        if found < minimum:
            raise FacesetError(
                f"Expected at least {minimum} faces of {name!r}, found {found}.",
                "Extract more footage of this person, or lower --set data.minimum at the cost of "
                "quality.",
            )
    return opened


def run_training(
    config: TrainConfig,
    faces: Mapping[str, Sequence[Path]],
    output: Path,
    command: Sequence[str] = (),
    callbacks: Callbacks = Callbacks(),
    *,
    allow_changes: bool = False,
) -> TrainResult:
    """Trains a model, or resumes the training in ``output``.

    Args:
        config: All settings.
        faces: For each identity, the directories of its facesets, in the order of the model.
        output: Folder of the run.
        command: Command line, for the record.
        callbacks: Callbacks of the training.
        allow_changes: Resume although seed, model or data changed.

    Raises:
        FaceswapError: Settings, facesets or the run cannot be used.
    """
    check_options(config.model.name, config.model.options)
    facesets = open_facesets(faces, config.data.minimum)
    run = RunDirectory(output)
    run.exists()
    with open_accelerator(config.training.device, config.training.precision) as opened:
        seed_everything(config.seed)
        model = build_model(config.model.name, list(facesets), config.model.options)
        data = _prepare_data(config, facesets, run, opened, model, callbacks)
        changes = run.start(
            config,
            describe_facesets(facesets),
            command,
            allow_changes=allow_changes,
            write=opened.is_main_process,
        )
        for change in changes:
            _log.info("Changed since the last start: %s.", change)
        trainer = _build_trainer(config, facesets, run, opened, model, data, callbacks)
        _log.info(
            "%s, %.2f million parameters, on %s in %s, %d process(es).",
            config.model.name,
            sum(p.numel() for p in model.parameters()) / 1e6,
            opened.device,
            "fp32" if opened.mixed_precision == "no" else opened.mixed_precision,
            opened.num_processes,
        )
        return trainer.train()


@dataclass(frozen=True)
class _Data:
    batches: FaceBatches
    held_out: dict[str, NDArray[np.int64]]


def _prepare_data(
    config: TrainConfig,
    facesets: Mapping[str, Sequence[Faceset]],
    run: RunDirectory,
    opened: Accelerator,
    model: FaceAutoencoder,
    callbacks: Callbacks,
) -> _Data:
    plan = BatchPlan(
        seed=config.seed,
        batch=config.training.batch,
        ranges=warp_ranges(config.augmentation),
        photometric=config.augmentation.photometric,
        colour_transfer=config.augmentation.colour_transfer,
        match=config.data.match,
        rank=opened.process_index,
        world_size=opened.num_processes,
        micro_batches=config.training.micro_batches,
    )
    rank_slots(
        plan.batch, plan.rank, plan.world_size, 0, plan.micro_batches
    )  # before anything is written
    caches: dict[str, FaceCache] = {}
    training: dict[str, NDArray[np.int64]] = {}
    held_out: dict[str, NDArray[np.int64]] = {}
    shown: dict[str, NDArray[np.float32]] = {}
    # One process of each machine builds the cache, the others reuse it.
    with opened.local_main_process_first():
        for name, sets in facesets.items():
            pairs = [(faceset, face) for faceset in sets for face in faceset.trainable()]
            geometry = _geometry(config, sets, model, plan.ranges)
            caches[name] = build_cache(run.cache, name, pairs, geometry, callbacks.on_faces)
            training[name], held_out[name] = split_facesets(pairs, config.data.held_out)
            if plan.match:
                shown[name] = expressions([pairs[i][1].landmarks for i in training[name]])
    return _Data(FaceBatches(caches, training, plan, find_matches(shown)), held_out)


def warp_ranges(config: AugmentationConfig) -> WarpRanges:
    """Ranges of the random warp, from the settings."""
    return WarpRanges(config.rotation, config.zoom, config.shift, config.flip, config.warp)


def _geometry(
    config: TrainConfig, sets: Sequence[Faceset], model: FaceAutoencoder, ranges: WarpRanges
) -> CropGeometry:
    size = max(model.input_size, model.output_size)
    stored = min(faceset.crop_coverage for faceset in sets)
    if stored < config.data.coverage:
        raise FacesetError(
            f"Expected crops of at least {config.data.coverage} face squares in {sets[0].path}, "
            f"found {stored}.",
            "Lower --set data.coverage, or extract again.",
        )
    return CropGeometry.with_reach(size, config.data.coverage, ranges.reach, stored)


def _build_trainer(
    config: TrainConfig,
    facesets: Mapping[str, Sequence[Faceset]],
    run: RunDirectory,
    opened: Accelerator,
    model: FaceAutoencoder,
    data: _Data,
    callbacks: Callbacks,
) -> Trainer:
    model.to(opened.device)
    if config.training.compile:
        model.compile()
    optimizer = build_optimizer(model, config.optimizer)
    state = _build_state(config, facesets, run, opened, model, optimizer)
    progress = state.load(Progress)
    if progress:
        _log.info("Resumed at step %d.", progress.step)
    # After loading: Accelerate sends the weights of the first process to the others.
    step = TrainStep(
        opened,
        model,
        optimizer,
        next(iter(data.batches.caches.values())).geometry.margin,
        build_loss_weights(config.loss),
        config.optimizer.clip,
    )
    output = _build_output(state, run, opened, data, progress, callbacks)
    plan = build_plan(config, opened.device)
    return Trainer(opened, step, data.batches, state, progress, plan, output)


def _build_state(
    config: TrainConfig,
    facesets: Mapping[str, Sequence[Faceset]],
    run: RunDirectory,
    opened: Accelerator,
    model: FaceAutoencoder,
    optimizer: torch.optim.Optimizer,
) -> RunState:
    meta = ModelMeta(
        config.model.name,
        check_options(config.model.name, config.model.options),
        model.identities,
        config.data.coverage,
        0,
        {name: [faceset.subject for faceset in sets] for name, sets in facesets.items()},
        config.seed,
    )
    decay = config.optimizer.ema
    return RunState(
        folder=run.checkpoints,
        model=model,
        optimizer=optimizer,
        scaler=opened.scaler,
        ema=EMA(model, decay) if decay else None,
        keep=config.output.keep,
        advice=_ADVICE,
        export_to=run.model,
        meta=meta,
    )


def _build_output(
    state: RunState,
    run: RunDirectory,
    opened: Accelerator,
    data: _Data,
    progress: Progress | None,
    callbacks: Callbacks,
) -> Output:
    if not opened.is_main_process:
        return Output(None, {})
    caches, model = data.batches.caches, state.evaluated
    size = max(model.input_size, model.output_size)
    held_out = {n: i for n, i in data.held_out.items() if len(i)}
    # Without held-out faces, previews show training faces.
    shown = {**data.batches.training, **held_out}
    reporter = Reporter(
        run,
        model,
        state.meta,
        {n: untouched_faces(caches[n], i, _MEASURED_FACES, size) for n, i in held_out.items()},
        opened.device,
        opened.mixed_precision == "bf16",
        progress.step if progress else 0,
    )
    faces = {n: untouched_faces(caches[n], i, _PREVIEW_FACES, size) for n, i in shown.items()}
    return Output(reporter, faces, callbacks.on_step)


def build_loss_weights(config: LossConfig) -> LossWeights:
    """Weights of the loss terms, from the settings."""
    return LossWeights(
        config.l1,
        config.dssim,
        config.mask,
        config.inside,
        config.features,
        config.stride,
        config.swap,
    )


def build_optimizer(model: torch.nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """The optimizer of the settings, fused where the device supports it."""
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[config.name]
    parameters = list(model.parameters())
    return kind(
        parameters,
        lr=config.lr,
        betas=(config.beta1, config.beta2),
        weight_decay=config.weight_decay if config.name == "adamw" else 0.0,
        fused=parameters[0].device.type in ("cpu", "cuda", "mps"),
    )


def build_plan(config: TrainConfig, device: torch.device) -> Plan:
    """The numbers that steer the loop, from the settings."""
    optimizer, output = config.optimizer, config.output
    workers = config.data.workers
    if workers is None:
        # Worker processes would compete with a step on the CPU for its cores.
        workers = 0 if device.type == "cpu" else min(_MAX_WORKERS, local_threads() - 1)
    return Plan(
        schedule=Schedule(optimizer.lr, optimizer.warmup, optimizer.decay),
        budget=Budget(config.training.steps, config.training.minutes),
        patience=config.training.patience,
        adapt_threads=config.training.adapt_threads,
        workers=workers,
        save_every=output.save_every,
        save_seconds=60 * output.save_minutes,
        preview_every=output.preview_every,
        log_every=output.log_every,
    )
