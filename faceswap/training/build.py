"""Builds a training from its settings and its facesets, and runs it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray

from faceswap.core.errors import FacesetError, IdentityError
from faceswap.core.log import get_logger
from faceswap.core.processes import local_threads, open_accelerator
from faceswap.core.seeding import seed_everything
from faceswap.data.batches import BatchPlan, FaceBatches
from faceswap.data.cache import CropGeometry, FaceCache, build_cache
from faceswap.data.matching import expressions, find_twins
from faceswap.data.sampling import rank_slots, split_facesets
from faceswap.data.warp import WarpRanges
from faceswap.facesets.faceset import Faceset
from faceswap.models import build_model, check_options
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.model_file import ModelMeta
from faceswap.training.held_out import untouched_faces
from faceswap.training.losses import LossWeights
from faceswap.training.report import Progress
from faceswap.training.run_directory import RunDirectory
from faceswap.training.schedule import Budget, Schedule
from faceswap.training.settings import AugmentationConfig, OptimizerConfig, TrainConfig
from faceswap.training.trainer import Plan, Trainer, TrainResult

_log = get_logger(__name__)
_HELD_OUT_MEASURED, _SHOWN, _MOST_WORKERS = 64, 5, 8


@dataclass(frozen=True)
class Callbacks:
    """What is told to whoever started the training; in the first process only.

    Attributes:
        on_faces: How many faces more are in the cache.
        on_progress: How training goes.
    """

    on_faces: Callable[[int], object] = lambda _: None
    on_progress: Callable[[Progress], object] = lambda _: None


def open_facesets(faces: Mapping[str, Sequence[Path]], minimum: int) -> dict[str, list[Faceset]]:
    """Opens the facesets of each identity.

    Args:
        faces: For each identity, the directories of its facesets.
        minimum: Fewest faces an identity may have.

    Raises:
        IdentityError: There are fewer than two identities.
        FacesetError: A faceset is missing, unfinished or damaged, or there are too few faces.
    """
    if len(faces) < 2:
        raise IdentityError(
            f"A swap needs two identities, found {len(faces)}: {', '.join(faces) or 'none'}.",
            "Give --faces twice or more: --faces alice=faces/alice --faces bob=faces/bob",
        )
    opened = {name: [Faceset.open(path) for path in paths] for name, paths in faces.items()}
    for name, sets in opened.items():
        found = sum(len(faceset.trainable()) for faceset in sets)
        if found < minimum:
            raise FacesetError(
                f"{name!r} has {found} faces; training needs at least {minimum}.",
                "Extract more footage of this person, or lower --set data.minimum (the result "
                "will be poor).",
            )
    return opened


def run_training(
    config: TrainConfig,
    faces: Mapping[str, Sequence[Path]],
    output: Path,
    command: Sequence[str] = (),
    callbacks: Callbacks = Callbacks(),
) -> TrainResult:
    """Trains a model, or goes on with the training in ``output``.

    Args:
        config: All settings.
        faces: For each identity, the directories of its facesets, in the order of the model.
        output: The run's directory.
        command: What the user typed, for the record.
        callbacks: Who is told what.

    Raises:
        FaceswapError: Settings, facesets or the run's directory are not fit; see the functions
            that this one calls.
    """
    check_options(config.model.name, config.model.options)
    facesets = open_facesets(faces, config.data.minimum)
    run = RunDirectory(output)
    run.exists()
    with open_accelerator(config.training.device, config.training.precision) as opened:
        seed_everything(config.seed)
        model = build_model(config.model.name, list(facesets), config.model.options)
        data = _prepare_data(config, facesets, run, opened, model, callbacks)
        changes = run.begin(config, facesets, command, write=opened.is_main_process)
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
        ranks=opened.num_processes,
        parts=config.training.accumulate,
    )
    rank_slots(plan.batch, plan.rank, plan.ranks, 0, plan.parts)  # before anything is written
    caches: dict[str, FaceCache] = {}
    training: dict[str, NDArray[np.int64]] = {}
    held_out: dict[str, NDArray[np.int64]] = {}
    shown: dict[str, NDArray[np.float32]] = {}
    # One process of each machine makes the cache, the others find it.
    with opened.local_main_process_first():
        for name, sets in facesets.items():
            pairs = [(faceset, face) for faceset in sets for face in faceset.trainable()]
            geometry = _geometry(config, sets, model, plan.ranges)
            caches[name] = build_cache(run.cache, name, pairs, geometry, callbacks.on_faces)
            training[name], held_out[name] = split_facesets(pairs, config.data.held_out)
            if plan.match:
                shown[name] = expressions([pairs[i][1].landmarks for i in training[name]])
    return _Data(FaceBatches(caches, training, plan, find_twins(shown)), held_out)


def warp_ranges(config: AugmentationConfig) -> WarpRanges:
    """How far faces are moved, from the settings."""
    return WarpRanges(config.rotation, config.zoom, config.shift, config.flip, config.warp)


def _geometry(
    config: TrainConfig, sets: Sequence[Faceset], model: FaceAutoencoder, ranges: WarpRanges
) -> CropGeometry:
    size = max(model.input_size, model.output_size)
    stored = min(faceset.crop_coverage for faceset in sets)
    if stored < config.data.coverage:
        raise FacesetError(
            f"The crops in {sets[0].path} cover {stored} face squares, training wants "
            f"{config.data.coverage}.",
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
    caches, size = data.batches.caches, max(model.input_size, model.output_size)
    held_out = {n: i for n, i in data.held_out.items() if len(i)}
    # Without faces kept aside, those trained on are shown.
    to_show = {**data.batches.training, **held_out}
    return Trainer(
        opened,
        model,
        build_optimizer(model, config.optimizer),
        data.batches,
        {n: untouched_faces(caches[n], i, _HELD_OUT_MEASURED, size) for n, i in held_out.items()},
        {n: untouched_faces(caches[n], i, _SHOWN, size) for n, i in to_show.items()},
        run,
        ModelMeta(
            config.model.name,
            check_options(config.model.name, config.model.options),
            model.identities,
            config.data.coverage,
            0,
            {name: [faceset.subject for faceset in sets] for name, sets in facesets.items()},
            config.seed,
        ),
        build_plan(config, opened.device),
        callbacks.on_progress,
    )


def build_optimizer(model: torch.nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """The optimizer of the settings, with its fused implementation where there is one."""
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
    loss, optimizer, output = config.loss, config.optimizer, config.output
    workers = config.data.workers
    if workers is None:
        # Beside a step on the CPU a thread is enough, and more would take its cores.
        workers = 0 if device.type == "cpu" else min(_MOST_WORKERS, local_threads() - 1)
    return Plan(
        weights=LossWeights(
            loss.l1, loss.dssim, loss.mask, loss.inside, loss.features, loss.stride, loss.swap
        ),
        schedule=Schedule(optimizer.lr, optimizer.warmup, optimizer.decay),
        budget=Budget(config.training.steps, config.training.minutes),
        clip=optimizer.clip,
        adapt_threads=config.training.adapt_threads,
        workers=workers,
        save_every=output.save_every,
        save_seconds=60 * output.save_minutes,
        preview_every=output.preview_every,
        log_every=output.log_every,
        keep=output.keep,
    )
