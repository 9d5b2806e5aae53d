"""The verb ``classifier predict``: classes of image files."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from classifier.evaluation.prediction import (
    ImageFile,
    Prediction,
    class_row,
    find_images,
    mask_files,
    predict_files,
    write_masks,
)
from classifier.evaluation.prediction_rows import Form, RowText, WriteRow, choose_form, row_file
from classifier.evaluation.run_data import read_run
from classifier.evaluation.sample_reader import read_side
from classifier.models.model_file import LoadedClassifier, load_model
from classifier.options import Overwrite
from faceswap.core.console import note, progress_bar, write_line
from faceswap.core.device import pick_device
from faceswap.core.errors import ConfigError, MediaError
from faceswap.core.files import user_path
from faceswap.core.outputs import claim_files, claim_folder


def predict(
    model: Annotated[Path, typer.Argument(help="Run directory, or its model/ directory.")],
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="Images, directories (searched recursively), or - to read paths from stdin."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="File of predictions (.csv, .json, .jsonl, .parquet, .txt), or directory of "
            "masks (segmentation).",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON lines.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write CSV with a header.")] = False,
    overwrite: Overwrite = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Images per batch.")] = 64,
    device: Annotated[str, typer.Option(help="Device: auto, cpu, cuda, cuda:N or mps.")] = "auto",
) -> None:
    """Predict the class of images, or of each pixel.

    Unreadable files are reported on stderr and skipped. The exit code is 2 if no file is readable.
    """
    place = pick_device(device)
    loaded, run = load_model(model), read_run(model)
    pixels = loaded.built.task == "pixels"
    if pixels and output is None:
        raise ConfigError("A segmentation network needs an output directory.", "Add -o DIRECTORY.")
    table = None if pixels else output
    form = choose_form(table, lines=as_json, as_csv=as_csv)
    masks = output if pixels else None
    files = find_images(_paths(inputs), note, exclude=masks)
    if not files:
        raise MediaError(f"No images found in {', '.join(inputs)}.", "Check the paths.")
    names = [str(p) for file in files for p in mask_files(file, Path())] if pixels else []
    side = read_side(loaded, run)
    unreadable = 0
    with (
        claim_folder(masks, names, "the prediction", overwrite=overwrite),
        progress_bar("predict", len(files), unit="images") as advance,
        _rows(table, form, overwrite=overwrite) as write,
    ):
        results = predict_files(
            loaded, files, side, batch_size=batch_size, device=place, on_image=advance
        )
        for result in results:
            if isinstance(result, Prediction):
                write(_row(result, loaded, output))
            else:
                unreadable += 1
                note(f"Cannot read {result.file.path}: {result.reason}")
        _require_some(files, unreadable)
    if unreadable:
        note(f"{unreadable} of {len(files)} files could not be read.")


def _paths(inputs: Sequence[str]) -> list[Path]:
    paths: list[Path] = []
    for text in inputs:
        if text == "-":
            paths += [Path(line.rstrip("\r\n")) for line in sys.stdin if line.strip()]
        else:
            paths.append(user_path(text))
    return paths


def _require_some(files: Sequence[ImageFile], unreadable: int) -> None:
    if unreadable == len(files):
        raise MediaError(f"None of the {len(files)} files could be read.", "See the reasons above.")


def _row(result: Prediction, loaded: LoadedClassifier, output: Path | None) -> dict[str, Any]:
    if loaded.built.task == "images":
        return class_row(result, loaded.classes)
    assert output is not None, "checked by the verb"
    return write_masks(result, loaded.classes, output)


@contextmanager
def _rows(output: Path | None, form: Form, *, overwrite: bool) -> Iterator[WriteRow]:
    """A function that writes rows, to stdout or to a file."""
    if output is None:
        text = RowText(form)
        yield lambda row: write_line(text(row).removesuffix("\n"))
    else:
        with (
            claim_files([output], "the prediction", overwrite=overwrite),
            row_file(output, form) as write,
        ):
            yield write
