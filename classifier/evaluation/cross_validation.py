"""Cross-validation: folds of a data set, evaluation of each fold, pooled predictions."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from classifier.data import Dataset, folds
from classifier.evaluation.measure import Evaluation, ImageEvaluation, PixelEvaluation, measure
from classifier.evaluation.pixel_scoring import PixelScores
from classifier.evaluation.run_data import read_run
from classifier.evaluation.sample_reader import SampleReader
from classifier.evaluation.scoring import ImageScores
from classifier.models.model_file import load_model
from classifier.training.run_directory import RunDirectory
from faceswap.core.checkpoint import load_checkpoint
from faceswap.core.errors import MediaError
from faceswap.core.files import atomic_write
from faceswap.core.training_state import AVERAGED, MODEL, load_into


def make_folds(dataset: Dataset, count: int, seed: int) -> list[Dataset]:
    """Split a data set into folds; each sample is in the validation split of one fold.

    Args:
        dataset: Data set of image files; groups stay in one fold.
        count: Number of folds.
        seed: Random seed.

    Raises:
        MediaError: The data set is an archive, or too small for so many folds.
    """
    if any(sample.index is not None for sample in dataset.samples):
        raise MediaError(
            f"Expected image files, found an archive: {dataset.root}.",
            "Train once and evaluate on the validation or test split instead.",
        )
    return folds(dataset, count, seed)


def write_list(fold: Dataset, path: Path) -> None:
    """Write a fold as a list file for ``open_dataset``; an existing file must be the same.

    Raises:
        MediaError: The file lists another fold.
    """
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
    content = pa.BufferOutputStream()
    pa_csv.write_csv(pa.table(columns), content)
    written = content.getvalue().to_pybytes()
    if path.is_file() and path.read_bytes() != written:
        raise MediaError(
            f"{path} lists another fold: the data, the number of folds or the seed changed.",
            "Choose another folder for --output.",
        )
    atomic_write(path, written)


def evaluate_fold(
    fold: Dataset,
    run: RunDirectory,
    *,
    batch_size: int,
    device: str = "cpu",
    on_image: Callable[[int], None] = lambda _: None,
) -> Evaluation:
    """Evaluate the network of a fold's last epoch on the fold's validation split.

    The exported network is that of the best epoch. It was selected on the same images, so its
    scores would be too optimistic.

    Args:
        fold: Data set of the fold.
        run: Finished run of the fold.
        batch_size: Images per batch.
        device: Device of the network.
        on_image: Called with the number of images done since the last call.
    """
    loaded, last = load_model(run.path), load_checkpoint(run.checkpoints)
    assert last is not None, "a finished training leaves a checkpoint"
    load_into(loaded.module, last, AVERAGED if AVERAGED in last.tensors else MODEL)
    reader = SampleReader(loaded, fold, read_run(run.path))
    samples = fold.splits["validation"]
    return measure(reader, samples, batch_size=batch_size, device=device, on_image=on_image)


def pool(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Pool the evaluations of all folds: one prediction per sample."""
    samples = tuple(sample for one in evaluations for sample in one.samples)
    images = [one for one in evaluations if isinstance(one, ImageEvaluation)]
    if images:
        scores = ImageScores(
            np.concatenate([one.scores.probabilities for one in images]),
            np.concatenate([one.scores.labels for one in images]),
        )
        return ImageEvaluation(samples, scores)
    pixels = [one for one in evaluations if isinstance(one, PixelEvaluation)]
    counts = np.concatenate([one.scores.confusions for one in pixels])
    return PixelEvaluation(samples, PixelScores(counts))
