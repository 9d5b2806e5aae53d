"""The verb ``faceswap export``: a model for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from faceswap.core.console import note, progress_bar
from faceswap.core.errors import ConfigError, IdentityError
from faceswap.core.outputs import claim_files
from faceswap.models.export_formats import formats
from faceswap.models.exporting import export_model
from faceswap.models.model_file import LoadedModel, save_model
from faceswap.models.run_model import load_run_model

_FOLDER = "model"


def export(
    model: Annotated[Path, typer.Argument(help="Run of `faceswap train`, or its model/ folder.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="File to write; for the format model, a folder."),
    ],
    to: Annotated[
        str, typer.Option("--to", help="Identity to decode as; may be omitted if there is one.")
    ] = "",
    kind: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="onnx: encoder and decoder of the identity. dfm: for DeepFaceLive, facefusion and "
            "VisoMaster. model: a model folder for faceswap convert. Default: by the suffix.",
        ),
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option("--checkpoint", help="Checkpoint of a run: best, latest or a step."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace existing output.")
    ] = False,
) -> None:
    """Export a model for other programs, and verify that it computes the same.

    To average models, use `faceswap model`.
    """
    chosen = _kind_of(output, kind)
    loaded = load_run_model(model, "cpu", checkpoint)
    if chosen == _FOLDER:
        if to:
            raise ConfigError("A model folder holds all identities: --to applies to files only.")
        with claim_files([output / "model.json"], "the export", overwrite=overwrite):
            save_model(output, loaded.model, loaded.meta)
        note(f"Model: {output}, of step {loaded.meta.step}.")
        return
    target = _target(loaded, to)
    with (
        claim_files([output], "the export", overwrite=overwrite),
        progress_bar(f"export {target}", None) as advance,
    ):
        difference = export_model(loaded, target, output, chosen)
        advance(1)
    size = output.stat().st_size / 1e6
    note(
        f"{output} ({size:.1f} MB): faces as {target}, of step {loaded.meta.step}. "
        f"Verified: largest difference {difference:.1e}."
    )


def _kind_of(output: Path, kind: str | None) -> str:
    """Name of the format: as given, or by the suffix of the output."""
    known = formats.names()
    found = output.suffix.removeprefix(".") if kind is None else kind
    if found in known or kind == _FOLDER:
        return found
    if kind is None:
        raise ConfigError(
            f"Expected a file ending in {' or '.join(f'.{name}' for name in known)}, found "
            f"{output.name!r}.",
            f"Choose a format: --format {', '.join(known)} or {_FOLDER}.",
        )
    raise ConfigError(
        f"Unknown format {kind!r}.", f"Known formats: {', '.join(known)} and {_FOLDER}."
    )


def _target(loaded: LoadedModel, to: str) -> str:
    if to:
        return to
    if len(loaded.targets) == 1:
        return loaded.targets[0]
    raise IdentityError(
        f"The model has several identities: {', '.join(loaded.targets)}.",
        f"Choose one: --to {loaded.targets[0]}",
    )
