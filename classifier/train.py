"""The verb ``classifier train``: trains a network on a folder of images.

Also a script: ``accelerate launch classifier/train.py DATA -o runs/x``.
"""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from accelerate import Accelerator
from torch.utils.tensorboard import SummaryWriter

from classifier.data import folders as data
from classifier.data.batches import BatchPlan
from classifier.data.folders import ImageFolder, LabelledImages
from classifier.modelfile import save_model
from classifier.models import BuiltNetwork, build_network
from classifier.rundirectory import CHECKPOINTS, open_run
from classifier.settings import Settings
from classifier.trainer import EpochResult, Trainer
from faceswap.core.checkpoint import load_checkpoint
from faceswap.core.commandline import run_command
from faceswap.core.console import note, progress_bar
from faceswap.core.device import pick_device
from faceswap.core.errors import ConfigError, MediaError
from faceswap.core.seeding import seed_everything

_PRECISIONS = {"auto": "no", "fp32": "no", "bf16": "bf16", "fp16": "fp16"}


def train(
    folder: Annotated[Path, typer.Argument(help="Images in class folders, or train/ and val/.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The run; one that is there is resumed.")
    ],
    config: Annotated[
        str | None, typer.Option(help="Recipe: a name (lenet5) or a .yaml file.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Network, as --set network.name=.")] = None,
    epochs: Annotated[int | None, typer.Option(help="As --set epochs=.")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Change a setting: optimizer.lr=5e-4.")
    ] = None,
) -> None:
    """Train a network on a folder of images.

    Run it again to go on after an interruption, or with more --epochs to train longer.
    """
    overrides = [*(changes or [])]
    overrides += [f"network.name={model}"] if model else []
    overrides += [f"epochs={epochs}"] if epochs is not None else []
    images = data.scan_folder(folder)
    settings = open_run(output, config, overrides, images)
    accelerator = _accelerator(settings)
    try:
        _train(images, settings, output, accelerator)
    finally:
        accelerator.end_training()


def _accelerator(settings: Settings) -> Accelerator:
    on_cpu = settings.device == "cpu" or pick_device("auto").type == "cpu"
    if on_cpu and settings.precision == "fp16":
        raise ConfigError("precision fp16 needs a GPU.", "Use --set precision=bf16 or fp32.")
    return Accelerator(
        mixed_precision=_PRECISIONS[settings.precision], cpu=settings.device == "cpu"
    )


def _train(images: ImageFolder, settings: Settings, output: Path, accelerator: Accelerator) -> None:
    seed_everything(settings.seed)
    options: dict[str, Any] = dict(settings.network.options)
    network = build_network(settings.network.name, len(images.classes), options)
    training, validation = _load(images, network, settings)
    plan = BatchPlan(
        settings.seed,
        min(settings.data.batch_size, len(training)),
        settings.augment.flip,
        settings.augment.shift,
        accelerator.process_index,
        accelerator.num_processes,
    )
    trainer = Trainer(
        network,
        training,
        validation,
        plan,
        lr=settings.optimizer.lr,
        weight_decay=settings.optimizer.weight_decay,
        accelerator=accelerator,
        checkpoints=output / CHECKPOINTS,
        keep=settings.keep,
    )
    done = trainer.resume()
    if done:
        note(f"Resuming after epoch {done}.")
    history = _run_with_progress(trainer, settings, done, output / "logs")
    best = load_checkpoint(output / CHECKPOINTS, "best")
    assert best is not None, "every epoch leaves a checkpoint"
    if accelerator.is_main_process:
        save_model(
            output / "model",
            best.tensors["network"],
            settings.network.name,
            options,
            network.input,
            images.classes,
        )
    chosen = history[best.step - 1]
    note(
        f"Accuracy on the {len(validation)} images kept aside: {history[-1].accuracy:.1%} at the "
        f"end, {chosen.accuracy:.1%} at its best (epoch {chosen.epoch}). The best is in "
        f"{output / 'model'}."
    )


def _run_with_progress(
    trainer: Trainer, settings: Settings, done: int, logs: Path
) -> list[EpochResult]:
    """Trains behind a progress bar, with a line and a TensorBoard entry for each epoch."""
    main = trainer.accelerator.is_main_process
    writer = SummaryWriter(str(logs), purge_step=done + 1) if main else None

    def on_epoch(result: EpochResult) -> None:
        note(describe(result))
        if writer is not None:
            writer.add_scalar("loss/train", result.train_loss, result.epoch)
            writer.add_scalar("loss/validation", result.loss, result.epoch)
            writer.add_scalar("accuracy/validation", result.accuracy, result.epoch)

    total = max(0, settings.epochs - done) * trainer.images_per_epoch
    try:
        with progress_bar(f"train {settings.network.name}", total, unit="images") as advance:
            return trainer.run(settings.epochs, advance, on_epoch)
    finally:
        if writer is not None:
            writer.close()


def _load(
    folder: ImageFolder, network: BuiltNetwork, settings: Settings
) -> tuple[LabelledImages, LabelledImages]:
    """Training and validation images, decoded; says what was found and what was left out."""
    size, channels = network.input.size, network.input.channels
    files = [*folder.train, *(folder.validation or ())]
    with progress_bar("read images", len(files), unit="images") as advance:
        images, skipped = data.load_images(folder.train, size, channels, advance)
        if folder.validation is None:
            chosen, kept = data.stratified_split(
                images.labels, folder.classes, settings.data.validation, settings.seed
            )
            training, validation = _subset(images, chosen), _subset(images, kept)
        else:
            training = images
            validation, more = data.load_images(folder.validation, size, channels, advance)
            skipped += more
    data.require_every_class(training, folder.classes, "to train on")
    if len(validation) == 0:
        raise MediaError(f"None of the images kept aside in {folder.root} can be read.")
    for path, reason in skipped[:5]:
        note(f"Skipped {path}: {reason}")
    if skipped:
        note(f"{len(skipped)} of {len(files)} images could not be read and are left out.")
    for title, part in (("train", training), ("kept aside", validation)):
        counts = data.count_classes(part.labels, folder.classes)
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        note(f"{title}: {len(part)} images ({listed})")
    return training, validation


def _subset(images: LabelledImages, chosen: np.ndarray) -> LabelledImages:
    return LabelledImages(images.images[chosen], images.labels[chosen])


def describe(result: EpochResult) -> str:
    """One line about an epoch."""
    return (
        f"epoch {result.epoch}: train loss {result.train_loss:.4f}, loss {result.loss:.4f}, "
        f"accuracy {result.accuracy:.1%}, {result.images_per_second:.0f} images/s"
    )


if __name__ == "__main__":
    run_command(train)
