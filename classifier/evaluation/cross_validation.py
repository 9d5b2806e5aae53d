"""Cross-validation: each image is predicted by a network that was trained without it."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from classifier.data import Dataset, folds, open_dataset
from classifier.evaluation.measure import Evaluation, ImageEvaluation, PixelEvaluation, measure
from classifier.evaluation.pixel_scoring import PixelScores
from classifier.evaluation.run_data import read_run
from classifier.evaluation.sample_reader import SampleReader
from classifier.evaluation.scoring import ImageScores
from classifier.models.model_file import load_model
from classifier.training.run import run_training
from classifier.training.run_directory import RunDirectory
from classifier.training.session import Voice
from classifier.training.settings import Settings
from classifier.training.state import load_into
from classifier.training.training_data import class_file
from faceswap.core.checkpoint import load_checkpoint
from faceswap.core.errors import MediaError
from faceswap.core.files import atomic_path


def make_folds(data: Path, settings: Settings, count: int) -> list[Dataset]:
    """Divides data so that each sample is kept aside once; groups stay together.

    Args:
        data: Of any kind but archives.
        settings: Names groups and classes, and the seed.
        count: How many folds.

    Raises:
        MediaError: The data cannot be used, are an archive, or are too few for so many folds.
    """
    dataset = open_dataset(data, settings.data.group, class_file(settings))
    if any(sample.index is not None for sample in dataset.samples):
        raise MediaError(
            f"{data} is an archive; cross-validation takes images that are files.",
            "So many images need none: train once and look at the images kept aside.",
        )
    return folds(dataset, count, settings.seed)


def write_list(fold: Dataset, path: Path) -> None:
    """Writes a fold as a list that ``open_dataset`` reads back."""
    rows = [
        (sample, split)
        for split in ("train", "validation")
        for sample in fold.splits.get(split, ())
    ]
    columns: dict[str, list[str]] = {
        "path": [str(sample.path.resolve()) for sample, _ in rows],
        "split": [split for _, split in rows],
        "group": [sample.group for sample, _ in rows],
    }
    if fold.task == "images":
        columns["label"] = [fold.classes[sample.label] for sample, _ in rows]
    else:
        columns["mask"] = [str(sample.mask.resolve()) for sample, _ in rows if sample.mask]
    with atomic_path(path) as temporary:
        pa_csv.write_csv(pa.table(columns), temporary)


def run_fold(
    listed: Path,
    settings: Settings,
    run: RunDirectory,
    voice: Voice,
    device: str = "cpu",
    on_image: Callable[[int], None] = lambda _: None,
) -> Evaluation | None:
    """Trains on a fold, and predicts what was kept aside by the network of the last epoch.

    The best epoch was chosen on these very images, so it would say too much.

    Args:
        listed: From ``write_list``.
        settings: Of the training.
        run: Where the fold's run is; one that is there goes on.
        voice: Says what happens.
        device: Where to predict.
        on_image: Called with the number of images predicted.

    Returns:
        What was measured; None if a signal ended the training.
    """
    result = run_training(listed, settings, run, voice)
    if result.signal:
        return None
    loaded, last = load_model(run.root), load_checkpoint(run.checkpoints)
    assert last is not None, "a finished training leaves a checkpoint"
    load_into(loaded.module, last, "mean" if settings.optimizer.ema else "network")
    dataset = open_dataset(listed, "", class_file(settings))
    reader = SampleReader(loaded, dataset, read_run(run.root))
    kept = dataset.splits["validation"]
    return measure(
        reader, kept, batch_size=settings.data.batch_size, device=device, on_image=on_image
    )


def pool(parts: Sequence[Evaluation]) -> Evaluation:
    """Puts the folds together: one prediction for each sample."""
    samples = tuple(sample for part in parts for sample in part.samples)
    images = [part for part in parts if isinstance(part, ImageEvaluation)]
    if images:
        scores = ImageScores(
            np.concatenate([part.scores.probabilities for part in images]),
            np.concatenate([part.scores.labels for part in images]),
        )
        return ImageEvaluation(samples, scores)
    pixels = [part for part in parts if isinstance(part, PixelEvaluation)]
    counts = np.concatenate([part.scores.confusions for part in pixels])
    return PixelEvaluation(samples, PixelScores(counts))
