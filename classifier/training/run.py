"""Trains a network from its settings, and writes the run and the model."""

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from accelerate import Accelerator

from classifier.data.contents import digest_contents
from classifier.data.dataset import Dataset
from classifier.data.duplicates import find_conflicts, find_duplicates
from classifier.models.model_file import ModelMeta, save_model
from classifier.models.network import Task
from classifier.training.batch_size_finder import BatchSizeReport, Probe, find_largest_batch
from classifier.training.build import (
    build_learner,
    build_network,
    build_plan,
    build_session,
    build_source,
    open_data,
    place,
    stored_side,
)
from classifier.training.objective import Objective
from classifier.training.reporter import Reporter
from classifier.training.run_directory import CONTENT, RunDirectory, describe_dataset
from classifier.training.session import Session
from classifier.training.settings import Settings
from classifier.training.state import EpochResult, Progress, RunState
from classifier.training.trainer import Callbacks, Plan, Trainer
from classifier.training.training_data import LoadedSplits
from classifier.training.training_log import TrainingLog
from faceswap.core.checkpoint import load_checkpoint
from faceswap.core.ema import EMA
from faceswap.core.processes import hold_run, open_accelerator

_ADVICE = (
    "Lower --set optimizer.lr, set --set optimizer.clip=1, or use --set precision=fp32, and run "
    "the same command again."
)


@dataclass(frozen=True)
class TrainingResult:
    """Result of a training.

    Attributes:
        history: Results of all epochs, over all starts of the run.
        best: Result of the exported epoch; None before the first epoch is finished.
        task: "images" (one class per image) or "pixels" (one class per pixel).
        validation_images: Number of validation images.
        signal: Number of the signal that stopped it, or 0.
        stopped_early: Whether early stopping ended it.
    """

    history: list[EpochResult]
    best: EpochResult | None
    task: Task
    validation_images: int
    signal: int
    stopped_early: bool


def run_training(
    data: Path,
    settings: Settings,
    run: RunDirectory,
    reporter: Reporter | None = None,
    *,
    allow_changes: bool = False,
    save_seconds: float = 120.0,
) -> TrainingResult:
    """Trains a network, or resumes the training of ``run``.

    Args:
        data: The data set.
        settings: All settings, from ``run.resolve_config``.
        run: Folder of the run.
        reporter: Receives what happens; None ignores it.
        allow_changes: Resume although seed, network, classes or data changed.
        save_seconds: Longest time between checkpoints.

    Raises:
        FaceswapError: Data, settings, weights or the run cannot be used, or training diverged.
    """
    reporter = reporter or Reporter()
    run.exists()  # refuses a folder of something else before any work
    with (
        open_accelerator(settings.device, settings.precision) as accelerator,
        hold_run(accelerator, run.path, "the training"),
    ):
        resumed = run.exists()
        dataset = open_data(data, settings)
        described = describe_dataset(dataset, run.read_manifest()["data"] if resumed else None)
        start = run.start(settings, described, sys.argv, allow_changes=allow_changes, write=False)
        found = load_checkpoint(run.checkpoints) if resumed else None
        accelerator.wait_for_everyone()  # all have looked before the first begins to write
        session = build_session(
            dataset, settings, accelerator, reporter, cache=run.cache, found=found
        )
        state = _build_state(session, settings, run, accelerator)
        progress = Progress() if found is None else state.restore(found, Progress)
        progress.adopt_batch_size(session.source.batch_size)
        if start.outdates(progress.step):
            progress.forget_best()
        if accelerator.is_main_process:
            if not resumed:
                _report_duplicates(session.dataset, reporter)
            if CONTENT not in (source := described["images"][0]):  # a new run, or of older versions
                with reporter.bar("digest the files", None, "files") as advance:
                    source[CONTENT] = digest_contents(dataset, advance)
            run.start(settings, described, sys.argv, allow_changes=allow_changes)
            reporter.on_changes(start.changes)
        if found is not None:
            reporter.on_resume(progress, session.source.steps)
        plan = build_plan(settings, save_seconds)
        return _train(session, settings, run, accelerator, reporter, state, progress, plan)


def _report_duplicates(dataset: Dataset, reporter: Reporter) -> None:
    with reporter.bar("find duplicates", len(dataset.samples), "images") as advance:
        across_splits = find_duplicates(dataset, advance)
    reporter.on_duplicates(across_splits, find_conflicts(dataset))


def _train(
    session: Session,
    settings: Settings,
    run: RunDirectory,
    accelerator: Accelerator,
    reporter: Reporter,
    state: RunState,
    progress: Progress,
    plan: Plan,
) -> TrainingResult:
    built, source, main = session.built, session.source, accelerator.is_main_process
    left = max(0, (settings.epochs - progress.epoch) * source.steps - progress.epoch_step)
    images = left * source.batch_size
    with (
        TrainingLog(run, progress.epoch, main=main) as log,
        reporter.bar(f"train {settings.network.name}", images, "images") as advance,
    ):

        def on_epoch(result: EpochResult) -> None:
            reporter.on_epoch(result)
            log(result)

        callbacks = Callbacks(_on_step(advance), on_epoch)
        trainer = Trainer(accelerator, session, state, progress, plan, callbacks)
        signal = trainer.train()
    history = trainer.progress.history
    best = trainer.progress.best_epoch(built.task)
    if main and (exported := state.best_epoch()) is not None:
        weights, best = exported
        save_model(run.model, weights, built, _describe_model(session, settings, best))
    return TrainingResult(
        history, best, built.task, session.validation_images, signal, trainer.stopped_early
    )


def _build_state(
    session: Session, settings: Settings, run: RunDirectory, accelerator: Accelerator
) -> RunState:
    module, decay = session.built.module, settings.optimizer.ema
    return RunState(
        folder=run.checkpoints,
        model=module,
        optimizer=session.learner.optimizer,
        scaler=accelerator.scaler,
        ema=EMA(module, decay) if decay else None,
        keep=settings.keep,
        advice=_ADVICE,
        table=run.history,
    )


def _on_step(advance: Callable[..., None]) -> Callable[[int, float | None], None]:
    def on_step(images: int, loss: float | None) -> None:
        advance(images, "" if loss is None else f"loss {loss:.4f}")

    return on_step


def _describe_model(session: Session, settings: Settings, best: EpochResult) -> ModelMeta:
    scores = asdict(best)
    exported = ("epoch", "loss", "accuracy", "balanced_accuracy", "mean_iou")
    return ModelMeta(
        settings.network.name,
        dict(settings.network.options),
        settings.network.size,
        session.dataset.classes,
        session.side,
        session.dataset.ignore_index,
        {name: scores[name] for name in exported},
        session.dataset.digest(),
    )


def find_batch_size(
    data: Path, settings: Settings, reporter: Reporter | None = None
) -> BatchSizeReport:
    """Finds the largest batch size that fits into memory; no run is written.

    Args:
        data: The data set.
        settings: All settings.
        reporter: Receives what happens; None ignores it.

    Raises:
        FaceswapError: Data or settings cannot be used.
    """
    reporter = reporter or Reporter()
    with open_accelerator(settings.device, settings.precision) as accelerator:
        dataset = open_data(data, settings)
        # Published weights take as much memory as random ones.
        built = build_network(dataset, settings, reporter, fresh=False)
        channels_last = place(built, settings, accelerator)
        side = stored_side(built, settings, dataset) or (built.input.size, built.input.size)
        images = Probe.images(dataset, built, side)
        splits = LoadedSplits(images, images, [])
        source = build_source(
            built, splits, settings, accelerator, reporter, channels_last, cache=None
        )
        learner = build_learner(built, source, Objective(), settings, accelerator)
        probe = Probe(accelerator, built, source, learner)
        with reporter.bar("try batches", None, "batches") as advance:
            return find_largest_batch(
                probe,
                len(dataset.splits["train"]),
                settings.data.batch_size,
                ema=bool(settings.optimizer.ema),
                on_batch=advance,
            )
