"""Options of the verb ``faceswap evaluate``, as typer declares them."""

from pathlib import Path
from typing import Annotated

import typer

FRAMES_OF_RUNS, FRAMES_OF_VIDEO, FRAMES_OF_SET = 100, 300, 300
"""Largest numbers of frames where no other is given: of an identity, of a video, of an identity."""

Runs = Annotated[
    list[Path] | None, typer.Argument(help="Runs to compare on their common held-out frames.")
]
Output = Annotated[
    Path, typer.Option("--output", "-o", help="Folder for metrics.json and index.html.")
]
Converted = Annotated[
    Path | None, typer.Option(help="Converted video to evaluate instead of runs.")
]
SourceVideo = Annotated[Path | None, typer.Option(help="Source video of --converted.")]
SourceFaceset = Annotated[
    Path | None,
    typer.Option(help="Faceset of --source. [default: detect the faces, use the largest]"),
]
TargetFaceset = Annotated[
    Path | None,
    typer.Option(help="Faceset of the target identity, for identity metrics and sharpness."),
]
MovedFaces = Annotated[
    list[str] | None,
    typer.Option(help="NAME=FACESET: new place of a faceset that was moved since the training."),
]
Baseline = Annotated[
    bool,
    typer.Option(
        "--baseline", help="Evaluate the baselines too: reconstructed, unswapped, nearest crop."
    ),
]
Frames = Annotated[
    int | None,
    typer.Option(
        min=1,
        help=f"Maximum number of frames. [default: {FRAMES_OF_RUNS} per identity of runs, "
        f"{FRAMES_OF_VIDEO} of a video, {FRAMES_OF_SET} per identity of a detector set]",
    ),
]
Require = Annotated[
    list[str] | None,
    typer.Option(help="identity or lpips: fail if these metrics cannot be measured."),
]
DetectorSet = Annotated[
    Path | None,
    typer.Option(
        "--make-detector-set",
        help="Write real and swapped faces into this folder, to train a swap detector.",
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace files that are not of an evaluation.")
]
Test = Annotated[
    list[str] | None,
    typer.Option(help="Identity in the test split of the detector set. Repeatable."),
]
DetectorName = Annotated[str, typer.Option(help="Name of the detector.")]
LandmarkerName = Annotated[str, typer.Option(help="Name of the landmarker.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
