"""The verb ``faceswap convert``: puts an identity's face into footage."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from faceswap.conversion.compositing import CompositeSettings
from faceswap.conversion.pipeline import ConvertReport, EncodeSettings, convert_source
from faceswap.conversion.swapper import Swapper
from faceswap.core.console import note, progress_bar
from faceswap.core.device import pick_device
from faceswap.core.errors import MediaError
from faceswap.core.files import sha256_file, write_json
from faceswap.facesets.faceset import Faceset
from faceswap.media.sources import Source, find_sources
from faceswap.media.video import probe
from faceswap.models.model_file import load_model
from faceswap.provenance.identity import SigningIdentity, open_identity
from faceswap.provenance.manifest import readable_name
from faceswap.provenance.metadata import SYNTHETIC, TOOL
from faceswap.provenance.sidecar import sidecar_path
from faceswap.provenance.subject import describe_shown
from faceswap.tracking.finder import DETECTOR, LANDMARKER, build_tracker
from faceswap.tracking.tracker import Tracker

_COMPOSITE, _ENCODE = CompositeSettings(), EncodeSettings()


def convert(
    inputs: Annotated[
        list[Path],
        typer.Argument(help="Videos, photos, or folders of both (searched recursively)."),
    ],
    model: Annotated[Path, typer.Option(help="A run, or the model folder exported by it.")],
    to: Annotated[str, typer.Option(help="The identity whose face is to be shown.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="File for one video or photo; folder for several."),
    ],
    faceset: Annotated[
        Path | None, typer.Option(help="Faceset of the video; else faces are found on the fly.")
    ] = None,
    detector: Annotated[str, typer.Option(help="Detector to use.")] = DETECTOR,
    landmarker: Annotated[str, typer.Option(help="Landmark net to use.")] = LANDMARKER,
    colour: Annotated[str, typer.Option(help="Colour transfer: lab or none.")] = _COMPOSITE.colour,
    mask: Annotated[
        str, typer.Option(help="What is face: hull, or segmentation with --mask-model.")
    ] = _COMPOSITE.mask,
    mask_model: Annotated[
        Path | None, typer.Option(help="Run or model of `classifier train` for the mask.")
    ] = None,
    erode: Annotated[
        float,
        typer.Option(help="Draw the mask in by this per cent of the face; negative grows it."),
    ] = _COMPOSITE.erode,
    feather: Annotated[
        float, typer.Option(min=0, help="Width of the soft edge in per cent of the face.")
    ] = _COMPOSITE.feather,
    encoder: Annotated[
        str | None, typer.Option(help="FFmpeg's name of the encoder; else one for the container.")
    ] = None,
    crf: Annotated[
        int | None, typer.Option(min=0, max=63, help="Quality; lower is better and larger.")
    ] = None,
    preset: Annotated[str | None, typer.Option(help="The encoder's preset.")] = None,
    sign_cert: Annotated[
        Path | None,
        typer.Option(help="Your own chain of certificates (PEM) to sign with; with --sign-key."),
    ] = None,
    sign_key: Annotated[
        Path | None, typer.Option(help="The private key (PEM) that belongs to --sign-cert.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace output that is there.")
    ] = False,
) -> None:
    """Put an identity's face into footage; sound, time stamps and frame count stay.

    The result says that it is synthetic: in a signed C2PA manifest, in plain metadata, and in a
    JSON report beside it. `faceswap inspect` reads them.
    """
    identity = open_identity(sign_cert, sign_key)  # first: unsigned output is never written
    place = pick_device(device)
    loaded = load_model(model, place)
    composite = CompositeSettings(
        colour=colour, mask=mask, mask_model=mask_model, erode=erode, feather=feather
    )
    swapper = Swapper(loaded, to, composite)
    sources = find_sources(inputs)
    if faceset is not None and len(sources) > 1:
        raise MediaError(
            f"--faceset goes with one source; {len(sources)} were found.",
            "Convert them one by one, or leave --faceset out.",
        )
    known = Faceset.open(faceset) if faceset is not None else None
    jobs = [(source, _destination(source, output, len(sources), overwrite)) for source in sources]
    for source, destination in jobs:
        report = convert_with_progress(
            source,
            destination,
            swapper,
            faceset=known,
            tracker=build_tracker(detector, landmarker, str(place)) if known is None else None,
            encode=EncodeSettings(encoder=encoder, crf=crf, preset=preset),
            identity=identity,
        )
        write_report(report, source, swapper, identity)
        note(describe(report))
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
    """``convert_source`` behind a progress bar."""
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
            f"{destination} is the source itself.", "Choose another -o: originals are kept."
        )
    if destination.is_file() and not overwrite:
        raise MediaError(
            f"{destination} exists already.", "Choose another -o, or --overwrite to replace it."
        )
    return destination


def write_report(
    report: ConvertReport,
    source: Source,
    swapper: Swapper,
    identity: SigningIdentity,
) -> None:
    """Writes the JSON report beside the output, and beside a folder of photos."""
    settings = {
        key: value for key, value in asdict(swapper.settings).items() if key != "mask_model"
    }
    path = report.output.with_name(report.output.name + ".json")
    write_json(
        path,
        {
            "tool": TOOL,
            "synthetic": SYNTHETIC,
            "source": {"name": readable_name(source.path), "sha256": source.content_hash()},
            "model": {"sha256": swapper.loaded.digest, **asdict(swapper.loaded.meta)},
            "identity": swapper.to,
            # The network of a masker goes by its hash, wherever it lies.
            "settings": settings | dict(swapper.masker.facts),
            "frames": report.frames,
            "frames_swapped": report.frames_swapped,
            "faces_swapped": report.faces_swapped,
            "damage": report.damage,
            "notes": list(report.notes),
            "signed_by": {"name": identity.name, "certificate_sha256": identity.fingerprint},
            "files": [_described(file) for file in report.files],
        },
    )


def _described(file: Path) -> dict[str, str]:
    beside = sidecar_path(file)
    place = beside.name if beside.is_file() else "embedded"
    return {"name": readable_name(file), "sha256": sha256_file(file), "manifest": place}


def describe(report: ConvertReport) -> str:
    """One line about a finished conversion."""
    line = (
        f"{report.output}: {report.faces_swapped} faces swapped in {report.frames_swapped} of "
        f"{report.frames} frames, {report.frames / report.seconds:.1f} frames/s"
    )
    return ". ".join([line, *report.notes, *([report.damage] if report.damage else [])])
