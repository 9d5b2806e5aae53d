"""The verb ``faceswap convert``: swaps the faces of videos and photos."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from faceswap.conversion.chosen_faceset import choose_faceset
from faceswap.conversion.compositing import CompositeSettings
from faceswap.conversion.earlier import Earlier
from faceswap.conversion.pipeline import ConvertJob, EncodeSettings
from faceswap.conversion.planning import format_note, plan_outputs
from faceswap.conversion.report import ConvertReport, describe, describe_model
from faceswap.conversion.swapper import Swapper
from faceswap.core.console import note, progress_bar
from faceswap.core.device import pick_device
from faceswap.core.errors import FaceswapError, MediaError, StorageFullError, WeightsUnavailable
from faceswap.core.outputs import check_outputs
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.subjects import is_faceset
from faceswap.maskers import maskers
from faceswap.media.encoders import VideoEncoding
from faceswap.media.sources import Source, find_sources
from faceswap.media.video import probe
from faceswap.models.run_model import load_run_model
from faceswap.provenance.identity import open_identity
from faceswap.provenance.subject import describe_shown
from faceswap.tracking.finder import DETECTOR, LANDMARKER, build_tracker
from faceswap.tracking.tracker import Tracker

_COMPOSITE, _ENCODE = CompositeSettings(), EncodeSettings()

Inputs = Annotated[
    list[Path], typer.Argument(help="Videos, photos, or folders of both (searched recursively).")
]
Model = Annotated[
    Path, typer.Option(help="Run of `faceswap train`, or a model folder exported by one.")
]
To = Annotated[str, typer.Option(help="Target identity: the face to show.")]
Output = Annotated[
    Path, typer.Option("--output", "-o", help="File for one video or photo; folder for several.")
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
Colour = Annotated[str, typer.Option(help="Colour transfer: lab or none.")]
Mask = Annotated[
    str, typer.Option(help=f"Masker of the replaced pixels: {', '.join(maskers.names())}.")
]
MaskModel = Annotated[
    Path | None,
    typer.Option(
        help="Run or model of `classifier train` for --mask segmentation; default: face_masks "
        "among the weights."
    ),
]
Erode = Annotated[
    float, typer.Option(help="Erosion of the mask in percent of the face size; negative dilates.")
]
Feather = Annotated[
    float, typer.Option(min=0, help="Width of the soft mask edge in percent of the face size.")
]
Encoder = Annotated[
    str | None, typer.Option(help="FFmpeg name of the video encoder. [default: by container]")
]
Crf = Annotated[
    int | None,
    typer.Option(min=0, max=63, help="Constant rate factor: lower is better and larger."),
]
Preset = Annotated[str | None, typer.Option(help="Preset of the encoder.")]
SignCert = Annotated[
    Path | None,
    typer.Option(help="Certificate chain (PEM) to sign with; requires --sign-key."),
]
SignKey = Annotated[
    Path | None, typer.Option(help="Private key (PEM) of the first certificate of --sign-cert.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing output.")]


def convert(
    inputs: Inputs,
    model: Model,
    to: To,
    output: Output,
    checkpoint: CheckpointName = None,
    faceset: FacesetFolder = None,
    detector: DetectorName = DETECTOR,
    landmarker: LandmarkerName = LANDMARKER,
    colour: Colour = _COMPOSITE.colour,
    mask: Mask = _COMPOSITE.mask,
    mask_model: MaskModel = None,
    erode: Erode = _COMPOSITE.erode,
    feather: Feather = _COMPOSITE.feather,
    encoder: Encoder = None,
    crf: Crf = None,
    preset: Preset = None,
    sign_cert: SignCert = None,
    sign_key: SignKey = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Swap every face of videos or photos to one identity.

    Audio, timestamps and frame count are kept. The output is labelled as synthetic by Content
    Credentials (a signed C2PA manifest), by plain metadata, and by a JSON report beside it; read
    them with `faceswap inspect`. If it is interrupted, run the same command again: finished files
    are kept.
    """
    identity = open_identity(sign_cert, sign_key)  # first: unsigned output is never written
    place = pick_device(device)
    loaded = load_run_model(model, place, checkpoint)
    composite = CompositeSettings(
        colour=colour, mask=mask, mask_model=mask_model, erode=erode, feather=feather
    )
    swapper = Swapper(loaded, to, composite)
    sources = find_sources(inputs, output, note)

    def new_tracker() -> Tracker:
        return build_tracker(detector, landmarker, str(place))

    faces = _faces(faceset, sources, new_tracker)
    encode = EncodeSettings(VideoEncoding(encoder, crf, preset))
    jobs = [
        ConvertJob(source, outputs, swapper, own, encode, identity)
        for source, outputs, own in zip(sources, plan_outputs(sources, output), faces, strict=True)
    ]
    looked = _look(jobs, overwrite=overwrite)
    failures = 0
    for job, earlier in zip(jobs, looked, strict=True):
        try:
            if isinstance(job.faces, Tracker):  # which remembers the faces of its source
                job = replace(job, faces=new_tracker())
            finished = earlier.report if earlier else None
            note(describe(finished or convert_with_progress(job, earlier, overwrite=overwrite)))
        except (StorageFullError, WeightsUnavailable):
            raise  # every other source would fail in the same way
        except FaceswapError as error:
            if len(jobs) == 1:
                raise
            failures += 1
            note(f"{job.source.name}: {error.message} {error.hint}")
    note(describe_model(model, loaded))
    note(describe_shown(to, loaded.meta.subjects))
    if failures:
        raise MediaError(
            f"{failures} of {len(jobs)} sources could not be converted (see above).",
            "The others are complete, and are kept when the same command is run again.",
        )


def convert_with_progress(
    job: ConvertJob, looked: Earlier | None = None, *, overwrite: bool = False
) -> ConvertReport:
    """Runs a conversion behind a progress bar."""
    source = job.source
    frames = probe(source.path).frames if source.kind == "video" else len(source.files)
    total = frames and frames * job.passes
    unit = "frames" if job.passes == 1 else f"frames in {job.passes} passes"
    with progress_bar(f"convert {source.name}", total, unit) as advance:
        return job.run(looked, overwrite=overwrite, on_frames=advance)


def _look(jobs: list[ConvertJob], *, overwrite: bool) -> list[Earlier | None]:
    """Looks at every name that will be written; returns what earlier conversions left."""
    check_outputs([name for job in jobs for name in job.outputs.names()], overwrite=True)
    for job in jobs:
        if explanation := format_note(job.source, job.outputs):
            note(explanation)
    return [None if overwrite else job.look() for job in jobs]


def _faces(
    faceset: Path | None, sources: Sequence[Source], build: Callable[[], Tracker]
) -> list[Faceset | Tracker]:
    """Faceset of each source, or one tracker for all of them."""
    if faceset is None:
        return [build()] * len(sources)
    if len(sources) > 1 and is_faceset(faceset):
        raise MediaError(
            f"--faceset needs exactly one source, found {len(sources)}.",
            "Give a folder with a faceset of each, convert them one by one, or omit --faceset.",
        )
    return [choose_faceset(source, faceset) for source in sources]
