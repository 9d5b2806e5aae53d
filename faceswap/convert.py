"""The verb ``faceswap convert``: swaps the faces of videos and photos."""

from pathlib import Path
from typing import Annotated

import typer

from faceswap.conversion.compositing import CompositeSettings
from faceswap.conversion.pipeline import ConvertReport, EncodeSettings, convert_source
from faceswap.conversion.report import describe, describe_model, write_report
from faceswap.conversion.swapper import Swapper
from faceswap.core.console import note, progress_bar
from faceswap.core.device import pick_device
from faceswap.core.errors import MediaError
from faceswap.facesets.faceset import Faceset
from faceswap.media.encoders import VideoEncoding
from faceswap.media.sources import Source, find_sources
from faceswap.media.video import probe
from faceswap.models.run_model import load_run_model
from faceswap.provenance.identity import SigningIdentity, open_identity
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
    typer.Option("--faceset", help="Faceset extracted from this source, instead of detection."),
]
DetectorName = Annotated[str, typer.Option("--detector", help="Face detector.")]
LandmarkerName = Annotated[str, typer.Option("--landmarker", help="Landmark network.")]
Colour = Annotated[str, typer.Option(help="Colour transfer: lab or none.")]
Mask = Annotated[str, typer.Option(help="Masker: hull, or segmentation (needs --mask-model).")]
MaskModel = Annotated[
    Path | None,
    typer.Option(help="Run or model folder of `classifier train` for --mask segmentation."),
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
    them with `faceswap inspect`. An interrupted conversion starts over.
    """
    identity = open_identity(sign_cert, sign_key)  # first: unsigned output is never written
    place = pick_device(device)
    loaded = load_run_model(model, place, checkpoint)
    composite = CompositeSettings(
        colour=colour, mask=mask, mask_model=mask_model, erode=erode, feather=feather
    )
    swapper = Swapper(loaded, to, composite)
    jobs = _plan(inputs, output, overwrite)
    stored = _open_faceset(faceset, len(jobs))
    for source, destination in jobs:
        report = convert_with_progress(
            source,
            destination,
            swapper,
            faceset=stored,
            tracker=build_tracker(detector, landmarker, str(place)) if stored is None else None,
            encode=EncodeSettings(VideoEncoding(encoder, crf, preset)),
            identity=identity,
        )
        write_report(report, source, swapper, identity)
        note(describe(report))
    note(describe_model(model, loaded))
    note(describe_shown(to, loaded.meta.subjects))


def convert_with_progress(
    source: Source,
    destination: Path,
    swapper: Swapper,
    *,
    faceset: Faceset | None = None,
    tracker: Tracker | None = None,
    encode: EncodeSettings = _ENCODE,
    identity: SigningIdentity | None = None,
) -> ConvertReport:
    """Runs ``convert_source`` behind a progress bar."""
    frames = probe(source.path).frames if source.kind == "video" else len(source.files)
    with progress_bar(f"convert {source.name}", frames, unit="frames") as advance:
        return convert_source(
            source,
            destination,
            swapper,
            faceset=faceset,
            tracker=tracker,
            encode=encode,
            identity=identity,
            on_frames=advance,
        )


def _plan(inputs: list[Path], output: Path, overwrite: bool) -> list[tuple[Source, Path]]:
    """Sources with their destinations."""
    sources = find_sources(inputs, output, note)
    return [(source, _destination(source, output, len(sources), overwrite)) for source in sources]


def _open_faceset(faceset: Path | None, sources: int) -> Faceset | None:
    if faceset is None:
        return None
    if sources > 1:
        raise MediaError(
            f"--faceset needs exactly one source, found {sources}.",
            "Convert them one by one, or omit --faceset.",
        )
    return Faceset.open(faceset)


def _destination(source: Source, output: Path, sources: int, overwrite: bool) -> Path:
    """The file, or the folder for the photos of one folder, that a source is converted into."""
    is_file = len(source.files) == 1 and source.path.is_file()
    if sources == 1 and not output.is_dir() and (output.suffix or not is_file):
        destination = output
    elif is_file:
        destination = output / f"{source.name}{source.path.suffix}"
    else:
        destination = output / source.name
    if any(destination.resolve() == path.resolve() for path in (source.path, *source.files)):
        raise MediaError(
            f"The output {destination} is the source itself.", "Choose another --output."
        )
    if destination.is_file() and not overwrite:
        raise MediaError(
            f"{destination} already exists.", "Choose another --output, or add --overwrite."
        )
    return destination
