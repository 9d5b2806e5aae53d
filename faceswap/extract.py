"""The verb ``faceswap extract``: finds, tracks and aligns the faces of videos and photos."""

from pathlib import Path
from typing import Annotated

import typer

from faceswap.core.console import note, progress_bar
from faceswap.core.device import pick_device
from faceswap.core.errors import FaceswapError, MediaError, StorageFullError, WeightsUnavailable
from faceswap.extraction.pipeline import ExtractReport, ExtractSettings, extract_source
from faceswap.facesets.subjects import find_records, how_to_state, set_subject
from faceswap.media.sources import Source, find_sources
from faceswap.media.video import probe
from faceswap.provenance.subject import BASES, Evidence, Subject, is_unstated

_DEFAULTS = ExtractSettings()


def extract(
    inputs: Annotated[
        list[Path],
        typer.Argument(help="Videos, photos, or folders of both (searched recursively)."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder that gets one faceset per source.")
    ] = Path("faces"),
    detector: Annotated[str, typer.Option(help="Detector to use.")] = _DEFAULTS.detector,
    landmarker: Annotated[str, typer.Option(help="Landmark net to use.")] = _DEFAULTS.landmarker,
    masker: Annotated[str, typer.Option(help="Masker for the stored masks.")] = _DEFAULTS.masker,
    mask_model: Annotated[
        Path | None, typer.Option(help="Run or model of `classifier train` for the masker.")
    ] = None,
    crop_size: Annotated[
        int, typer.Option(min=64, max=2048, help="Side of the stored crops in pixels.")
    ] = _DEFAULTS.crop_size,
    image_format: Annotated[
        str, typer.Option(help="jpg (quality 95) or png (lossless).")
    ] = _DEFAULTS.image_format,
    every: Annotated[
        int, typer.Option(min=1, help="Look at every n-th frame only.")
    ] = _DEFAULTS.every,
    min_size: Annotated[
        int, typer.Option(min=1, help="Leave out faces smaller than this many pixels.")
    ] = _DEFAULTS.min_size,
    subject: Annotated[
        str | None, typer.Option(help="Who is to be seen: name or pseudonym.")
    ] = None,
    basis: Annotated[str | None, typer.Option(help=f"On what basis: {', '.join(BASES)}.")] = None,
    reference: Annotated[
        str | None, typer.Option(help="Number of the release, licence, address; free text.")
    ] = None,
    evidence: Annotated[
        Path | None, typer.Option(help="Signed release; its name and hash are kept.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace facesets that are there.")
    ] = False,
) -> None:
    """Find, track and align the faces of videos and photos; one faceset per source.

    Run it again after an interruption: it goes on where it was.
    """
    settings = ExtractSettings(
        detector, landmarker, masker, crop_size, image_format, every, min_size, mask_model
    )
    stated = _stated(subject, basis, reference, evidence)
    sources = find_sources(inputs)
    failures: list[FaceswapError] = []
    for source in sources:
        try:
            report = extract_with_progress(
                source, output / source.name, settings, device=device, overwrite=overwrite
            )
        except (StorageFullError, WeightsUnavailable):
            raise  # the next source would meet the same
        except FaceswapError as error:
            if len(sources) == 1:
                raise
            failures.append(error)
            note(f"{source.name}: {error.message} {error.hint}")
        else:
            if stated is not None:
                set_subject(report.path, stated)
            note(describe(report))
    if failures:
        raise MediaError(
            f"{len(failures)} of {len(sources)} sources could not be extracted (see above).",
            "The facesets of the others are complete.",
        )


def _stated(
    name: str | None, basis: str | None, reference: str | None, evidence: Path | None
) -> Subject | None:
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
    """``extract_source`` behind a progress bar."""
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
    """One line about a finished source."""
    share = report.frames_with_face / max(1, report.frames)
    line = (
        f"{report.name}: {report.faces} faces in {report.frames_with_face} of "
        f"{report.frames} frames ({share:.1%}) -> {report.path}"
    )
    if report.frames_now:
        line += f", {report.frames_now / report.seconds:.1f} frames/s"
    else:
        line += ", was complete already"
    ((record,),) = find_records(report.path).values()
    if is_unstated(record):
        who = f"Subject: {how_to_state(report.path)}"
    else:
        who = f"Subject: {Subject.from_json(record).describe()}."
    return ". ".join([line, *([report.damage] if report.damage else []), who])
