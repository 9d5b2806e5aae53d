"""Cross-validation: folds of a data set, evaluation of each fold, pooled predictions."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from classifier.data import Dataset, folds, open_dataset
from classifier.data.readers.class_file import find_class_file
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
from faceswap.core.outputs import check_outputs
from faceswap.core.training_state import AVERAGED, MODEL, load_into

RESULTS = ("predictions.parquet", "cross-validation.json")
"""Files with the results of all folds."""
_CLASSES = "classes.txt"
_ELSEWHERE = "Choose another folder for --output."


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


def write_folds(
    members: Sequence[Dataset], given: Path | None, output: Path
) -> tuple[list[Path], Path | None]:
    """Write the folds as lists for ``open_dataset``; those of an earlier start must be the same.

    Args:
        members: Folds of one data set.
        given: Class file of the settings, or None.
        output: Folder of the cross-validation; gets a class file if the data need one but have
            none.

    Returns:
        List file of each fold: ``fold-1.csv``, ...; and the class file with which these lists have
        the classes and codes of the data set, None if the sorted labels are the classes.

    Raises:
        MediaError: The folder holds folds of other data, of another number or of another seed.
        OutputError: The folder holds other files with names that will be written.
        TrainingError: A folder of a fold holds something else, or only a part of a run.
    """
    contents = {
        output / f"fold-{number}.csv": _as_list(fold) for number, fold in enumerate(members, 1)
    }
    present = sorted(output.glob("fold-*.csv"))
    order = _class_file(members[0], given)
    own_order = output / _CLASSES if order is None and _needs_order(members[0]) else None
    if not present:
        names = [*RESULTS, _CLASSES] if own_order else RESULTS
        check_outputs([output / name for name in names], hint=_ELSEWHERE)
    if foreign := [path for path in present if path.read_bytes() != contents.get(path)]:
        what = (
            f"{len(present)} folds, not {len(members)}"
            if len(present) != len(members)
            else f"folds of other data or of another seed, such as {foreign[0].name}"
        )
        raise MediaError(f"{output} holds {what}.", _ELSEWHERE)
    for path in contents:
        RunDirectory(path.with_suffix("")).exists()  # refuses other folders before any file
    for path, content in contents.items():
        if path not in present:
            atomic_write(path, content)
    if own_order and not own_order.exists():
        atomic_write(own_order, "".join(f"{name}\n" for name in members[0].classes).encode())
    return list(contents), own_order.resolve() if own_order else order


def _class_file(fold: Dataset, given: Path | None) -> Path | None:
    """The class file of the settings, or else of the data."""
    found = given or find_class_file(fold.root)
    return found.resolve() if found else None


def _needs_order(fold: Dataset) -> bool:
    return fold.task != "pixels" and list(fold.classes) != sorted(fold.classes)


def _as_list(fold: Dataset) -> bytes:
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
    try:
        pa_csv.write_csv(pa.table(columns), content)
    except UnicodeEncodeError as error:
        raise MediaError(
            f"Some file names in {fold.root} are not UTF-8 and cannot be written to a list.",
            "Rename these files.",
        ) from error
    return content.getvalue().to_pybytes()


def open_fold(listed: Path, order: Path | None, classes: Sequence[str]) -> Dataset:
    """Open a fold with the classes of the data set.

    Args:
        listed: List from ``write_folds``.
        order: Class file from ``write_folds``.
        classes: Classes of the data set.

    Raises:
        MediaError: The classes changed on their way through the list.
    """
    fold = open_dataset(listed, "", order)
    if fold.classes != tuple(classes):
        raise MediaError(
            f"Expected the classes {', '.join(classes)} in {listed}, found "
            f"{', '.join(fold.classes)}.",
            "Use names without spaces at their ends, or add a classes.txt to the data.",
        )
    return fold


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
