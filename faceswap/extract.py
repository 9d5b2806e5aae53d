"""The verb ``faceswap extract``: finds, tracks and aligns faces in videos and photos."""

from pathlib import Path
from typing import Annotated

import typer

from faceswap.core.console import note, progress_bar
from faceswap.core.device import pick_device
from faceswap.core.errors import FaceswapError, MediaError, StorageFullError, WeightsUnavailable
from faceswap.extraction.pipeline import ExtractReport, ExtractSettings, extract_source
from faceswap.facesets.subjects import find_records, set_subject, subject_hint
from faceswap.media.sources import Source, find_sources
from faceswap.media.video import probe
from faceswap.provenance.subject import BASES, Evidence, Subject, is_unstated

_DEFAULTS = ExtractSettings()
_Inputs = Annotated[
    list[Path], typer.Argument(help="Videos, photos, or folders of both (searched recursively).")
]
_Output = Annotated[
    Path, typer.Option("--output", "-o", help="Folder for the facesets, one per source.")
]
_MaskModel = Annotated[
    Path | None,
    typer.Option(help="Run or model of `classifier train` for --masker segmentation."),
]
_CropSize = Annotated[
    int, typer.Option(min=64, max=2048, help="Side of the stored crops in pixels.")
]
_Every = Annotated[int, typer.Option(min=1, help="Process every n-th frame only.")]
_MinSize = Annotated[
    int, typer.Option(min=1, help="Skip faces (brows to chin) smaller than this many pixels.")
]
_Basis = Annotated[
    str | None, typer.Option(help=f"Basis on which the person may be shown: {', '.join(BASES)}.")
]
_Reference = Annotated[
    str | None, typer.Option(help="Reference of the basis: release number, licence, URL.")
]
_Evidence = Annotated[
    Path | None, typer.Option(help="File such as a signed release; its name and hash are stored.")
]


def extract(
    inputs: _Inputs,
    output: _Output = Path("faces"),
    detector: Annotated[str, typer.Option(help="Face detector.")] = _DEFAULTS.detector,
    landmarker: Annotated[str, typer.Option(help="Landmark network.")] = _DEFAULTS.landmarker,
    masker: Annotated[str, typer.Option(help="Masker of the stored masks.")] = _DEFAULTS.masker,
    mask_model: _MaskModel = None,
    crop_size: _CropSize = _DEFAULTS.crop_size,
    image_format: Annotated[
        str, typer.Option(help="Format of the crops: jpg (quality 95) or png (lossless).")
    ] = _DEFAULTS.image_format,
    every: _Every = _DEFAULTS.every,
    min_size: _MinSize = _DEFAULTS.min_size,
    subject: Annotated[
        str | None, typer.Option(help="Name or pseudonym of the person in the sources.")
    ] = None,
    basis: _Basis = None,
    reference: _Reference = None,
    evidence: _Evidence = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace existing facesets.")
    ] = False,
) -> None:
    """Find, track and align the faces of videos and photos; writes one faceset per source.

    If it is interrupted, run the same command again to resume.
    """
    settings = ExtractSettings(
        detector, landmarker, masker, crop_size, image_format, every, min_size, mask_model
    )
    stated = _stated(subject, basis, reference, evidence)
    sources = find_sources(inputs, output, note)
    failures = 0
    for source in sources:
        try:
            report = extract_with_progress(
                source, output / source.name, settings, device=device, overwrite=overwrite
            )
        except (StorageFullError, WeightsUnavailable):
            raise  # every other source would fail in the same way
        except FaceswapError as error:
            if len(sources) == 1:
                raise
            failures += 1
            note(f"{source.name}: {error.message} {error.hint}")
        else:
            if stated is not None:
                set_subject(report.path, stated)
            note(describe(report))
    if failures:
        raise MediaError(
            f"{failures} of {len(sources)} sources could not be extracted (see above).",
            "The facesets of the others are complete.",
        )


def _stated(
    name: str | None, basis: str | None, reference: str | None, evidence: Path | None
) -> Subject | None:
    """The subject record given on the command line; None if none was given."""
    if name is None and basis is None and reference is None and evidence is None:
        return None
    kept = Evidence.of(evidence) if evidence else None
    return Subject(name or "", basis or Subject.basis, reference or "", kept)


def extract_with_progress(
    source: Source,
    directory: Path,
    settings: ExtractSettings,
    *,
    device: str = "auto",
    overwrite: bool = False,
) -> ExtractReport:
    """Runs ``extract_source`` with a progress bar."""
    frames = probe(source.path).frames if source.kind == "video" else len(source.files)
    with progress_bar(f"extract {source.name}", frames, unit="frames") as advance:
        return extract_source(
            source,
            directory,
            settings,
            device=str(pick_device(device)),
            overwrite=overwrite,
            on_frames=advance,
        )


def describe(report: ExtractReport) -> str:
    """Summarises a finished source in one line, and one for each note."""
    fraction = report.frames_with_face / max(1, report.frames)
    line = (
        f"{report.name}: {report.faces} faces in {report.frames_with_face} of "
        f"{report.frames} frames ({fraction:.1%}) -> {report.path}"
    )
    if report.frames_now:
        line += f", {report.frames_now / report.seconds:.1f} frames/s"
    else:
        line += ", already complete"
    ((record,),) = find_records(report.path).values()
    if is_unstated(record):
        subject = f"Subject: {subject_hint(report.path)}"
    else:
        subject = f"Subject: {Subject.from_json(record).describe()}."
    summary = ". ".join([line, *([report.damage] if report.damage else []), subject])
    return "\n".join([summary, *(f"  {note}" for note in report.notes)])
