"""Options of the verb ``faceswap convert``."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from faceswap.colour.transfer import colour_transfers
from faceswap.conversion.colour.match import TRANSFER
from faceswap.conversion.masks.face_masks import KEPT
from faceswap.conversion.output.views import SHOWN
from faceswap.conversion.settings import ConvertConfig
from faceswap.conversion.swap.blending import blends
from faceswap.core.config import load_config
from faceswap.maskers import maskers
from faceswap.maskers.products import PREDICTED
from faceswap.provenance.swapped_ranges import Outside

Inputs = Annotated[
    list[Path], typer.Argument(help="Videos, photos, or folders of both (searched recursively).")
]
Model = Annotated[
    Path, typer.Option(help="Run of `faceswap train`, or a model folder exported by one.")
]
To = Annotated[
    str | None,
    typer.Option(help="Target identity: the face to show in place of all faces, or all others."),
]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="REF=IDENTITY",
        help="Target identity of some faces; may be repeated. REF: largest, left, right, centre, "
        "track:3, person:anna, a photo of one person, a faceset, or a person in one.",
    ),
]
Output = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        help="File for one video or photo; folder for several; frames/%06d.png for images.",
    ),
]
CheckpointName = Annotated[
    str | None,
    typer.Option(
        "--checkpoint",
        metavar="best|latest|STEP",
        help="Checkpoint of the run to convert with. [default: best, else latest]",
    ),
]
FacesetFolder = Annotated[
    Path | None,
    typer.Option(
        "--faceset",
        help="Faceset extracted from this source, or folder of facesets; instead of detection.",
    ),
]
DetectorName = Annotated[str, typer.Option("--detector", help="Face detector.")]
LandmarkerName = Annotated[str, typer.Option("--landmarker", help="Landmark network.")]
Start = Annotated[
    str | None,
    typer.Option(help="First moment in which faces are swapped: 90, 1:30, or 2250f for a frame."),
]
End = Annotated[str | None, typer.Option(help="First moment after it.")]
Range = Annotated[
    list[str] | None,
    typer.Option("--range", metavar="A-B", help="Range in which faces are swapped; repeatable."),
]
OutsideRanges = Annotated[
    Outside,
    typer.Option(
        "--outside", help="Whether frames outside of the ranges are kept as they are, or dropped."
    ),
]
Shard = Annotated[
    str,
    typer.Option(help="I/N: convert the I-th of N shards, one per process or machine."),
]
Recipe = Annotated[
    str | None,
    typer.Option("--config", help="Name or path of a recipe with settings that differ."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="Setting to change: NAME=VALUE, as in mask.feather=6; see docs/convert.md."
    ),
]
Colour = Annotated[
    str | None,
    typer.Option(
        help=f"Colour transfer: {', '.join(colour_transfers.names())}. [default: {TRANSFER}]"
    ),
]
Blend = Annotated[
    str | None,
    typer.Option(help=f"Blend with the frame: {', '.join(blends.names())}. [default: alpha]"),
]
Mask = Annotated[
    str | None,
    typer.Option(
        help="Masker of the replaced pixels, or several with * between them: "
        f"{', '.join([*maskers.names(), PREDICTED])}. [default: hull]"
    ),
]
MaskModel = Annotated[
    Path | None,
    typer.Option(
        help="Run or model of `classifier train` for --mask segmentation; default: face_masks "
        "among the weights."
    ),
]
Erode = Annotated[
    float | None,
    typer.Option(help="Erosion of the mask in percent of the face size; negative dilates."),
]
Feather = Annotated[
    float | None, typer.Option(help="Width of the soft mask edge in percent of the face size.")
]
Keep = Annotated[
    str | None,
    typer.Option(help=f"Features of the frame that are not replaced: {', '.join(KEPT)}, or both."),
]
Detail = Annotated[
    float | None,
    typer.Option(help="Fraction of the fine detail of the frame's own skin that is added, 0 to 1."),
]
Grain = Annotated[
    float | None,
    typer.Option(help="Fraction of the footage's noise that the face lacks and gets, 0 to 1."),
]
Sharpen = Annotated[float | None, typer.Option(help="Amount of unsharp masking of the face.")]
MotionBlur = Annotated[
    float | None,
    typer.Option(help="Fraction of the time between frames that the shutter is open, 0 to 1."),
]
Encoder = Annotated[
    str | None,
    typer.Option(
        help="FFmpeg name of the video encoder, or h264, h265, av1, vp9, prores, ffv1. "
        "[default: by container]"
    ),
]
Crf = Annotated[int | None, typer.Option(help="Constant rate factor: lower is better and larger.")]
Preset = Annotated[str | None, typer.Option(help="Preset of the encoder.")]
Lossless = Annotated[
    bool | None,
    typer.Option("--lossless", help="Encode without loss; only some encoders can."),
]
ViewName = Annotated[
    str | None,
    typer.Option("--view", help=f"What is written of a video: {', '.join(SHOWN)}. [default: swap]"),
]
Audio = Annotated[
    str | None,
    typer.Option(
        "--audio", metavar="FILE|none", help="Audio of another file, or none. [default: copied]"
    ),
]
SignCert = Annotated[
    Path | None,
    typer.Option(help="Certificate chain (PEM) to sign with; requires --sign-key."),
]
SignKey = Annotated[
    Path | None, typer.Option(help="Private key (PEM) of the first certificate of --sign-cert.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing output.")]
Preview = Annotated[
    int | None,
    typer.Option(
        "--preview",
        min=1,
        max=64,
        help="Write a contact sheet of so many frames, NAME.preview.png, instead of converting.",
    ),
]
Sweep = Annotated[
    list[str] | None,
    typer.Option(
        "--sweep",
        metavar="NAME=VALUE,...",
        help="Write a contact sheet with a row for each combination of settings, as in "
        "`--sweep colour=lab,mkl mask=hull,mesh`, instead of converting.",
    ),
]


def split_sweep(inputs: Sequence[Path], swept: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Separates sources from further settings of a sweep, which stand after the first one.

    Args:
        inputs: Words of the command line that are no options.
        swept: Values of ``--sweep``; if there is none, all inputs are sources.

    Returns:
        Sources, and settings of the sweep.
    """
    words = [str(path) for path in inputs if swept and "=" in str(path) and not path.exists()]
    return [path for path in inputs if str(path) not in words], [*swept, *words]


def load_settings(
    recipe: str | None, given: Mapping[str, object], changes: Sequence[str]
) -> ConvertConfig:
    """Settings of a recipe, changed by the options that are given and by ``--set``.

    Args:
        recipe: Name or path of a recipe; None for the defaults.
        given: Value of each option by the name of its setting; None where it is not given.
        changes: ``NAME=VALUE`` of each ``--set``.

    Raises:
        ConfigError: The recipe is not found, or a setting is unknown or invalid.
    """
    options = [
        f"{name}={json.dumps(str(value) if isinstance(value, Path) else value)}"
        for name, value in given.items()
        if value is not None
    ]
    return load_config(ConvertConfig, "convert", recipe, [*options, *changes])
