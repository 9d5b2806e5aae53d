"""The verb ``classifier export``: a model as ONNX or a torch.export program."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from classifier.data import middle
from classifier.evaluation.run_data import RunRecord, open_evaluation_data, read_run
from classifier.evaluation.sample_reader import SampleReader, read_side
from classifier.models.exporting import SUFFIXES, export_network
from classifier.models.model_file import LoadedClassifier, load_model
from classifier.models.preprocessing import Preprocessing
from classifier.options import Overwrite
from faceswap.core.console import note, progress_bar
from faceswap.core.errors import ConfigError
from faceswap.core.outputs import claim_files

_REAL = 8
_MULTIPLE = 32


def export(
    model: Annotated[Path, typer.Argument(help="Run directory, or its model/ directory.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write: FILE.onnx or FILE.pt2.")
    ],
    data: Annotated[
        Path | None,
        typer.Option(help="Data set to verify the export on. Default: the data of the run."),
    ] = None,
    height: Annotated[
        int | None, typer.Option(min=32, help="Input height (segmentation only).")
    ] = None,
    width: Annotated[
        int | None, typer.Option(min=32, help="Input width (segmentation only).")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Export to ONNX or torch.export, and verify that the outputs are equal.

    Normalisation and softmax are included. The batch size is dynamic.
    """
    if output.suffix not in SUFFIXES:
        raise ConfigError(
            f"Expected a file ending in {' or '.join(SUFFIXES)}, found {output.name!r}.",
            "Choose -o FILE.onnx or -o FILE.pt2.",
        )
    loaded, run = load_model(model), read_run(model)
    sides = _sides(loaded, run, height, width)
    steps = Preprocessing(loaded.built.task, loaded.input, read_side(loaded, run), sides)
    with claim_files([output], "the export", overwrite=overwrite):
        real = _real_images(loaded, run, data, sides)
        with progress_bar(f"export {loaded.network}", None) as advance:
            proof = export_network(loaded, output, steps, real)
            advance(1)
    size = output.stat().st_size / 1e6
    note(
        f"{output} ({size:.1f} MB): images (batch, {loaded.input.channels}, {sides[0]}, "
        f"{sides[1]}) in [0, 1] -> logits, probabilities."
    )
    note(
        f"Verified: largest difference {proof.difference:.1e} on {proof.random} random and "
        f"{proof.real} real images."
        + ("" if proof.real else " Add --data to verify it on real images.")
    )


def _sides(
    loaded: LoadedClassifier, run: RunRecord | None, height: int | None, width: int | None
) -> tuple[int, int]:
    """Height and width of the exported network's input, in pixels."""
    if loaded.built.task == "images":
        if height or width:
            raise ConfigError("--height and --width apply to segmentation networks only.")
        return loaded.input.size, loaded.input.size
    stored = read_side(loaded, run) or (loaded.input.size, loaded.input.size)
    sides = (height or _up(stored[0]), width or _up(stored[1]))
    if sides[0] % _MULTIPLE or sides[1] % _MULTIPLE:
        raise ConfigError(
            f"Height and width must be multiples of {_MULTIPLE}, found {sides[0]} x {sides[1]}.",
            f"Use --height {_up(sides[0])} --width {_up(sides[1])}.",
        )
    return sides


def _up(length: int) -> int:
    return -(-length // _MULTIPLE) * _MULTIPLE


def _real_images(
    loaded: LoadedClassifier, run: RunRecord | None, data: Path | None, sides: tuple[int, int]
) -> NDArray[np.uint8]:
    """A few images ``(N, C, *sides)`` at the input size; empty without data."""
    none = np.empty((0, loaded.input.channels, *sides), np.uint8)
    if data is None:
        if run is None or not run.data.exists():
            return none
        data = run.data
    opened = open_evaluation_data(data, loaded, run)
    reader = SampleReader(loaded, opened.dataset, run)
    samples = opened.dataset.samples
    chosen = samples[:: max(1, len(samples) // _REAL)][:_REAL]
    images = reader.read(chosen).images
    if loaded.built.task == "images":
        return np.ascontiguousarray(middle(images, loaded.input.size))
    spare = [(0, max(0, side - have)) for side, have in zip(sides, images.shape[2:], strict=True)]
    padded = np.pad(images, ((0, 0), (0, 0), *spare), mode="edge")
    return np.ascontiguousarray(padded[..., : sides[0], : sides[1]])
