"""Trains a network from its settings, and writes the run and the model."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from accelerate import Accelerator

from classifier.models.model_file import ModelMeta, save_model
from classifier.models.network import Task
from classifier.training.ema import WeightMean
from classifier.training.run_directory import RunDirectory
from classifier.training.schedule import Schedule
from classifier.training.session import Session, Voice, describe_duplicates, prepare
from classifier.training.settings import Settings
from classifier.training.state import Course, EpochResult, TrainState
from classifier.training.trainer import Listener, Trainer, TrainingPlan
from classifier.training.training_data import open_data
from classifier.training.training_log import TrainLog
from faceswap.core.checkpoint import Checkpoint, load_checkpoint
from faceswap.core.interruption import stop_on_signals
from faceswap.core.processes import open_accelerator


@dataclass(frozen=True)
class TrainingResult:
    """How a training ended.

    Attributes:
        history: Epochs done, over all starts.
        best: The epoch that was exported; None when none is done.
        task: What has classes.
        kept_aside: Images that were measured on.
        signal: Number of the signal that ended it, or 0.
        stopped_early: Whether it ended because nothing got better.
    """

    history: list[EpochResult]
    best: EpochResult | None
    task: Task
    kept_aside: int
    signal: int
    stopped_early: bool


def run_training(
    data: Path, settings: Settings, run: RunDirectory, voice: Voice, save_seconds: float = 120.0
) -> TrainingResult:
    """Trains a new run, or one that goes on.

    Args:
        data: What to train on.
        settings: From ``run.settings``.
        run: Where results go.
        voice: Says what happens.
        save_seconds: Longest time between checkpoints.

    Raises:
        FaceswapError: Data, settings or weights cannot be used, or training broke.
    """
    with open_accelerator(settings.device, settings.precision) as accelerator:
        goes_on = run.goes_on
        dataset = open_data(data, settings)
        if goes_on:
            run.require_same(dataset)
        found = load_checkpoint(run.checkpoints) if goes_on else None
        accelerator.wait_for_everyone()  # all have looked before the first begins to write
        session = prepare(dataset, settings, accelerator, voice, cache=run.cache, found=found)
        if accelerator.is_main_process:
            if not goes_on:
                _say_duplicates(session, voice)
                run.begin(dataset, settings.seed)
            run.write_settings(settings)
        return _train(session, settings, run, accelerator, voice, found, save_seconds)


def _say_duplicates(session: Session, voice: Voice) -> None:
    dataset = session.dataset
    with voice.bar("look for duplicates", len(dataset.samples), "images") as advance:
        lines = describe_duplicates(dataset, advance)
    for line in lines:
        voice.note(line)


def _train(
    session: Session,
    settings: Settings,
    run: RunDirectory,
    accelerator: Accelerator,
    voice: Voice,
    found: Checkpoint | None,
    save_seconds: float,
) -> TrainingResult:
    built, source = session.built, session.source
    decay = settings.optimizer.ema
    mean = WeightMean(built.module, decay) if decay else None
    optimizer = session.learner.optimizer
    state = TrainState(
        run.checkpoints, built.module, mean, optimizer, accelerator.scaler, settings.keep
    )
    course = Course() if found is None else state.restore(found)
    if found is not None:
        voice.note(_where(course, source.steps))
    left = max(0, (settings.epochs - course.epoch) * source.steps - course.step)
    with (
        TrainLog(run, course, main=accelerator.is_main_process) as log,
        voice.bar(f"train {settings.network.name}", left * source.batch_size, "images") as advance,
        stop_on_signals() as stop,
    ):

        def on_epoch(result: EpochResult) -> None:
            voice.note(describe(result, built.task))
            log(result)

        trainer = Trainer(
            accelerator,
            built,
            source,
            session.learner.transfer,
            session.learner.make_step,
            state,
            make_plan(settings, save_seconds),
            len(session.dataset.classes),
            course,
            Listener(_on_step(advance), on_epoch),
        )
        signal = trainer.run(stop)
    best = course.best(built.task) if course.history else None
    if accelerator.is_main_process and best is not None:
        save_model(run.model, state.exported(), built, _meta(session, settings, best))
    return TrainingResult(
        course.history, best, built.task, session.kept_aside, signal, trainer.stale
    )


def make_plan(settings: Settings, save_seconds: float) -> TrainingPlan:
    """The numbers of the settings that steer the loop."""
    chosen = settings.optimizer
    schedule = Schedule(chosen.lr, chosen.schedule, settings.epochs, chosen.decay, chosen.warmup)
    return TrainingPlan(settings.epochs, schedule, settings.patience, settings.seed, save_seconds)


def _on_step(advance: Callable[..., None]) -> Callable[[int, float | None], None]:
    def on_step(images: int, loss: float | None) -> None:
        advance(images, "" if loss is None else f"loss {loss:.4f}")

    return on_step


def _meta(session: Session, settings: Settings, best: EpochResult) -> ModelMeta:
    scores = asdict(best)
    kept = ("epoch", "loss", "accuracy", "balanced_accuracy", "mean_iou")
    return ModelMeta(
        settings.network.name,
        dict(settings.network.options),
        settings.network.size,
        session.dataset.classes,
        session.side,
        session.dataset.ignore_index,
        {name: scores[name] for name in kept},
        session.dataset.digest(),
    )


def _where(course: Course, steps: int) -> str:
    if not course.step:
        return f"Resuming after epoch {course.epoch}."
    return f"Resuming in epoch {course.epoch + 1}, after step {course.step} of {steps}."


def describe(result: EpochResult, task: Task) -> str:
    """One line about an epoch."""
    name = "mIoU" if task == "pixels" else "balanced accuracy"
    return (
        f"epoch {result.epoch}: train loss {result.train_loss:.4f}, loss {result.loss:.4f}, "
        f"accuracy {result.accuracy:.1%}, {name} {result.score(task):.1%}, lr {result.lr:.2g}, "
        f"{result.images_per_second:.0f} images/s"
    )
