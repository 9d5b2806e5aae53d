"""The verb ``classifier explain``: shows why a network says what it says."""

from pathlib import Path
from typing import Annotated

import torch
import typer

from classifier.data.images import UnreadableImage
from classifier.evaluation.prediction import find_images
from classifier.evaluation.run_data import RunRecord, open_evaluation_data, read_run
from classifier.evaluation.sample_reader import SampleReader, read_side
from classifier.interpretability.embeddings import embed_samples
from classifier.interpretability.explanation import Explainer, NeighbourSearch
from classifier.models.model_file import LoadedClassifier, load_model
from faceswap.core.console import note, progress_bar
from faceswap.core.device import pick_device
from faceswap.core.errors import MediaError


def explain(
    model: Annotated[Path, typer.Argument(help="A run, or the model folder in it.")],
    images: Annotated[list[Path], typer.Argument(help="Images, or folders of them.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the page and the pictures.")
    ],
    target: Annotated[
        str | None, typer.Option("--class", help="Class to explain; else the predicted one.")
    ] = None,
    layers: Annotated[
        list[str] | None,
        typer.Option("--layer", help="Layer whose maps are shown; may be given again."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Data to find the nearest training images in.")
    ] = None,
    nearest: Annotated[int, typer.Option(min=1, help="How many of these to show.")] = 6,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at a time, of --data.")] = 64,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Show where a network looks: Grad-CAM, filters, maps of features, similar images.

    A network without maps (mlp, perceptron) shows its weights and the gradient of its input.
    """
    place = pick_device(device)
    loaded, run = load_model(model, str(place)), read_run(model)
    files = find_images(images)
    if not files:
        raise MediaError(f"There are no images in {images[0]}.", "Check the paths.")
    neighbours = _neighbours(loaded, run, data, nearest, batch_size, place)
    side = read_side(loaded, run)
    explainer = Explainer(loaded, side, target, layers or [], output, neighbours)
    note(explainer.method)
    explained = 0
    with progress_bar("explain", len(files), unit="images") as advance:
        for file in files:
            try:
                said = explainer.explain(file)
            except UnreadableImage as error:
                note(f"Cannot read {file.path}: {error}")
            else:
                explained += 1
                note(f"{file.path}. {said}")
            advance()
    if not explained:
        raise MediaError(
            f"None of the {len(files)} files could be read.", "They are named above with reasons."
        )
    explainer.write()
    note(f"Page and pictures: {output}")


def _neighbours(
    loaded: LoadedClassifier,
    run: RunRecord | None,
    data: Path | None,
    count: int,
    batch_size: int,
    device: torch.device,
) -> NeighbourSearch | None:
    """Vectors of the training images in ``data``."""
    if data is None:
        return None
    known = open_evaluation_data(data, loaded, run)
    note(known.origin)
    reader = SampleReader(loaded, known.dataset, run)
    samples = known.dataset.splits["train"]
    with progress_bar("embed training images", len(samples), unit="images") as advance:
        found = embed_samples(
            reader, samples, batch_size=batch_size, device=device, on_image=advance
        )
    return NeighbourSearch(found, reader, count)
