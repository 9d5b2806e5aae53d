"""The verb ``classifier predict``: classes of image files."""

import csv
import io
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from classifier.evaluation.prediction import (
    ImageFile,
    Prediction,
    class_row,
    find_images,
    predict_files,
    write_masks,
)
from classifier.evaluation.run_data import read_run
from classifier.evaluation.sample_reader import read_side
from classifier.models.model_file import LoadedClassifier, load_model
from faceswap.core.console import note, progress_bar
from faceswap.core.device import pick_device
from faceswap.core.errors import ConfigError, MediaError
from faceswap.core.files import atomic_path, user_path


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
            "--output", "-o", help="File of predictions, or directory of masks (segmentation)."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON lines.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write CSV with a header.")] = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Images per batch.")] = 64,
    device: Annotated[str, typer.Option(help="Device: auto, cpu, cuda, cuda:N or mps.")] = "auto",
) -> None:
    """Predict the class of images, or of each pixel.

    Unreadable files are reported on stderr and skipped. The exit code is 2 if no file is readable.
    """
    if as_json and as_csv:
        raise ConfigError("--json and --csv are mutually exclusive.", "Choose one.")
    place = pick_device(device)
    loaded, run = load_model(model), read_run(model)
    pixels = loaded.built.task == "pixels"
    if pixels and output is None:
        raise ConfigError("A segmentation network needs an output directory.", "Add -o DIRECTORY.")
    files = find_images(_paths(inputs))
    if not files:
        raise MediaError(f"No images found in {', '.join(inputs)}.", "Check the paths.")
    side = read_side(loaded, run)
    unreadable = 0
    with (
        progress_bar("predict", len(files), unit="images") as advance,
        _rows(None if pixels else output, _format(as_json, as_csv)) as write,
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


class _Write(Protocol):
    def __call__(self, row: dict[str, Any]) -> None: ...


def _format(as_json: bool, as_csv: bool) -> str:
    return "json" if as_json else "csv" if as_csv else "text"


@contextmanager
def _rows(output: Path | None, form: str) -> Iterator[_Write]:
    """A function that writes rows, to stdout or to a file that is complete or absent."""
    if output is None:
        heads: list[str] = []

        def write_line(row: dict[str, Any]) -> None:
            typer.echo(_line(row, form, heads), nl=False)

        yield write_line
        return
    with atomic_path(output) as temporary:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            written: list[str] = []

            def store(row: dict[str, Any]) -> None:
                file.write(_line(row, form, written))

            yield store
        assert temporary.is_file()


def _line(row: dict[str, Any], form: str, heads: list[str]) -> str:
    """A row as text. ``heads`` receives the columns when the CSV header is written."""
    if form == "json":
        return json.dumps(row, ensure_ascii=False) + "\n"
    if form == "text":
        if "class" in row:
            return f"{row['path']}: {row['class']} ({100 * row['probability']:.1f} %)\n"
        most = sorted(row["fractions"].items(), key=lambda item: -item[1])[:3]
        listed = ", ".join(f"{name} {100 * fraction:.1f} %" for name, fraction in most)
        return f"{row['path']}: {listed}; {row['mask']}\n"
    flat = {name: value for name, value in row.items() if not isinstance(value, dict)}
    inner = {
        name: value
        for group in row.values()
        if isinstance(group, dict)
        for name, value in group.items()
    }
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    if not heads:
        heads += [*flat, *inner]
        writer.writerow(heads)
    writer.writerow([*flat.values(), *inner.values()])
    return buffer.getvalue()
