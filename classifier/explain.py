"""The verb ``classifier explain``: explanations of predictions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
import typer

from classifier.data.images import UnreadableImage
from classifier.evaluation.prediction import ImageFile, find_images
from classifier.evaluation.run_data import RunRecord, open_evaluation_data, read_run
from classifier.evaluation.sample_reader import SampleReader, read_side
from classifier.interpretability.embeddings import embed_samples
from classifier.interpretability.explanation import Explainer, NeighbourSearch, output_stems
from classifier.models.model_file import LoadedClassifier, load_model
from classifier.options import Overwrite
from faceswap.core.console import note, progress_bar
from faceswap.core.device import pick_device
from faceswap.core.errors import MediaError
from faceswap.core.outputs import claim_folder


def explain(
    model: Annotated[Path, typer.Argument(help="Run directory, or its model/ directory.")],
    images: Annotated[list[Path], typer.Argument(help="Images or directories of images.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Directory for the report and the images.")
    ],
    target: Annotated[
        str | None, typer.Option("--class", help="Class to explain. Default: the predicted class.")
    ] = None,
    layers: Annotated[
        list[str] | None,
        typer.Option("--layer", help="Layer whose feature maps are shown; repeatable."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Data set to search for similar training images.")
    ] = None,
    nearest: Annotated[int, typer.Option(min=1, help="Number of similar images.")] = 6,
    batch_size: Annotated[int, typer.Option(min=1, help="Images of --data per batch.")] = 64,
    device: Annotated[str, typer.Option(help="Device: auto, cpu, cuda, cuda:N or mps.")] = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Explain predictions: Grad-CAM, filters, feature maps and similar training images.

    For networks without feature maps (mlp, perceptron) it shows the weights of the first layer and
    the input gradient.
    """
    place = pick_device(device)
    loaded, run = load_model(model, str(place)), read_run(model)
    files = find_images(images, note, exclude=output)
    if not files:
        raise MediaError(f"No images found in {images[0]}.", "Check the paths.")
    explainer = Explainer(loaded, read_side(loaded, run), target, layers or [], output)
    stems = output_stems(files)
    with claim_folder(output, explainer.outputs(stems), "the explanation", overwrite=overwrite):
        explainer.neighbours = _neighbours(loaded, run, data, nearest, batch_size, place)
        note(explainer.method)
        explainer.add_weights()
        _explain_all(explainer, files, stems)
        explainer.write()
    note(f"Report and images: {output}")


def _explain_all(explainer: Explainer, files: Sequence[ImageFile], stems: Sequence[str]) -> None:
    explained = 0
    with progress_bar("explain", len(files), unit="images") as advance:
        for file, stem in zip(files, stems, strict=True):
            try:
                summary = explainer.explain(file, stem)
            except UnreadableImage as error:
                note(f"Cannot read {file.path}: {error}")
            else:
                explained += 1
                note(f"{file.path}. {summary}")
            advance()
    if not explained:
        raise MediaError(f"None of the {len(files)} files could be read.", "See the reasons above.")


def _neighbours(
    loaded: LoadedClassifier,
    run: RunRecord | None,
    data: Path | None,
    count: int,
    batch_size: int,
    device: torch.device,
) -> NeighbourSearch | None:
    """Embeddings of the training images in ``data``."""
    if data is None:
        return None
    opened = open_evaluation_data(data, loaded, run)
    note(opened.origin)
    reader = SampleReader(loaded, opened.dataset, run)
    samples = opened.dataset.splits.get("train", ())
    if not samples:
        raise MediaError(f"{data} has no training images.", "Choose other --data.")
    with progress_bar("embed training images", len(samples), unit="images") as advance:
        found = embed_samples(
            reader, samples, batch_size=batch_size, device=device, on_image=advance
        )
    return NeighbourSearch(found, reader, count)
