"""The verb ``classifier features``: embeddings of images, probes and a map."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer
from numpy.typing import NDArray

from classifier.data import split_dataset
from classifier.evaluation.charts import plot_map
from classifier.evaluation.measure import write_table
from classifier.evaluation.page import show_sample
from classifier.evaluation.run_data import EvaluationData, open_evaluation_data, read_run
from classifier.evaluation.sample_reader import SampleReader
from classifier.interpretability.embeddings import (
    Embeddings,
    FeatureMap,
    ProbeResult,
    as_table,
    embed_samples,
    probe,
    project_vectors,
)
from classifier.interpretability.projection import STEPS
from classifier.models.model_file import load_model
from classifier.options import Overwrite
from faceswap.core.charts import write_png_chart
from faceswap.core.console import TextTable, note, progress_bar, show_table
from faceswap.core.device import pick_device
from faceswap.core.files import write_json
from faceswap.core.fonts import drawable_names, numbered_names
from faceswap.core.outputs import claim_folder

_FILES = ("features.parquet", "map.png", "probes.json")
_MOST_THUMBNAILS = 400


def features(
    model: Annotated[Path, typer.Argument(help="Run directory, or its model/ directory.")],
    data: Annotated[Path, typer.Argument(help="Data set in any format that train accepts.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Directory for embeddings, metrics and the map.")
    ],
    neighbours: Annotated[int, typer.Option(min=1, help="Neighbours of the k-NN probe.")] = 10,
    layout: Annotated[
        Literal["tsne", "pca"], typer.Option("--map", help="Projection of the map: tsne or pca.")
    ] = "tsne",
    perplexity: Annotated[float, typer.Option(min=2, help="Perplexity of t-SNE.")] = 30.0,
    thumbnails: Annotated[
        bool, typer.Option("--thumbnails", help="Show thumbnails on the map.")
    ] = False,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the split, the probes and the map.")
    ] = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Images per batch.")] = 64,
    device: Annotated[str, typer.Option(help="Device: auto, cpu, cuda, cuda:N or mps.")] = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Extract embeddings (the input of the network's head), probe them and plot a map.

    A k-NN and a linear probe are fitted on the split "train" and evaluated on the other splits.
    """
    place = pick_device(device)
    with claim_folder(output, _FILES, "the features", overwrite=overwrite):
        loaded, run = load_model(model), read_run(model)
        opened = open_evaluation_data(data, loaded, run)
        note(opened.origin)
        opened = _with_validation(opened, seed)
        reader = SampleReader(loaded, opened.dataset, run)
        samples = opened.dataset.samples
        with progress_bar("features", len(samples), unit="images") as advance:
            found = embed_samples(
                reader, samples, batch_size=batch_size, device=place, on_image=advance
            )
        for path, reason in reader.skipped[:5]:
            note(f"Skipped {path}: {reason}")
        splits = opened.split_of()
        train = np.array([splits[sample.name] == "train" for sample in found.samples])
        result = _probe(found, train, len(loaded.classes), neighbours, seed)
        with progress_bar("map", STEPS if layout == "tsne" else None, unit="steps") as advance:
            points = project_vectors(found.vectors, layout, perplexity, seed, advance)
        if len(points.chosen) < len(found.samples):
            note(f"The map shows a random sample of {len(points.chosen)} images.")
        table, plot, numbers = (output / name for name in _FILES)
        write_table(table, as_table(found, points, splits, loaded.classes))
        _plot_map(plot, found, points, train, reader, thumbnails=thumbnails)
        _write_numbers(numbers, found, result)


def _with_validation(opened: EvaluationData, seed: int) -> EvaluationData:
    """Data with a split to evaluate on; a fifth becomes "validation" if there is none."""
    full = [split for split, samples in opened.dataset.splits.items() if samples]
    if opened.dataset.task == "pixels" or full != ["train"] or len(opened.dataset.classes) < 2:
        return opened
    note("The data have no splits: using 20 % of each class for validation.")
    dataset = split_dataset(opened.dataset, 0.2, seed)
    return EvaluationData(dataset, opened.origin, opened.train_names, opened.from_run)


def _probe(
    found: Embeddings, train: NDArray[np.bool_], classes: int, neighbours: int, seed: int
) -> ProbeResult | None:
    if (found.labels < 0).any():
        note("Skipping the probes: only the pixels of these images have classes.")
        return None
    if train.all() or not train.any():
        note("Skipping the probes: all images are in one split.")
        return None
    with progress_bar("probes", None) as advance:
        result = probe(found, train, classes, neighbours, seed)
        advance(1)
    table = TextTable("", "accuracy", "95 % interval", title=f"{result.held_out} held-out images")
    for name, accuracy in (
        (f"{result.neighbours} nearest neighbours", result.knn_accuracy),
        ("linear probe", result.linear_accuracy),
    ):
        table.add_row(name, f"{accuracy.value:.4f}", accuracy.interval())
    table.add_row("most frequent class", f"{result.chance:.4f}", "-")
    show_table(table)
    return result


def _plot_map(
    path: Path,
    found: Embeddings,
    points: FeatureMap,
    train: NDArray[np.bool_],
    reader: SampleReader,
    *,
    thumbnails: bool,
) -> None:
    pictures = []
    if thumbnails and len(points.chosen) > _MOST_THUMBNAILS:
        note(f"Showing dots: more than {_MOST_THUMBNAILS} thumbnails would overlap.")
    elif thumbnails:
        pictures = [show_sample(found.samples[place], reader, 64) for place in points.chosen]
    classes = reader.loaded.classes
    figure = plot_map(
        points.points,
        found.labels[points.chosen],
        drawable_names(classes),
        ~train[points.chosen],
        pictures,
    )
    write_png_chart(path, figure)
    if legend := numbered_names(classes):
        note(f"No font here shows these names; in {path.name}: {', '.join(legend)}.")


def _write_numbers(path: Path, found: Embeddings, result: ProbeResult | None) -> None:
    numbers = {"images": len(found.samples), "dimensions": found.vectors.shape[1]}
    write_json(path, {**numbers, "probes": None if result is None else result.record()})
    note(f"Embeddings, metrics and map: {path.parent}")
