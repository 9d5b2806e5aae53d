"""The verb ``faceswap extract``: finds, tracks and aligns faces in videos and photos."""

from pathlib import Path

from faceswap.core.console import note, progress_bar
from faceswap.core.device import pick_device
from faceswap.core.errors import FaceswapError, MediaError, StorageFullError, WeightsUnavailable
from faceswap.extract_options import (
    Basis,
    CropSize,
    Detector,
    Device,
    Every,
    EvidenceFile,
    FillGaps,
    ImageFormat,
    Inputs,
    Landmarker,
    Masker,
    MaskModel,
    MinSize,
    Output,
    Overwrite,
    Reference,
    SubjectName,
)
from faceswap.extraction.pipeline import ExtractReport, ExtractSettings, extract_source
from faceswap.facesets.subjects import find_records, set_subject, subject_hint
from faceswap.media.sources import Source, find_sources
from faceswap.media.video import probe
from faceswap.provenance.subject import Evidence, Subject, is_unstated

_DEFAULTS = ExtractSettings()


def extract(
    inputs: Inputs,
    output: Output = Path("faces"),
    detector: Detector = _DEFAULTS.detector,
    landmarker: Landmarker = _DEFAULTS.landmarker,
    masker: Masker = _DEFAULTS.masker,
    mask_model: MaskModel = None,
    crop_size: CropSize = _DEFAULTS.crop_size,
    image_format: ImageFormat = _DEFAULTS.image_format,
    every: Every = _DEFAULTS.every,
    min_size: MinSize = _DEFAULTS.min_size,
    fill_gaps: FillGaps = _DEFAULTS.fill_gaps,
    subject: SubjectName = None,
    basis: Basis = None,
    reference: Reference = None,
    evidence: EvidenceFile = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Find, track and align the faces of videos and photos; writes one faceset per source.

    If it is interrupted, run the same command again to resume.
    """
    settings = ExtractSettings(
        detector=detector,
        landmarker=landmarker,
        masker=masker,
        crop_size=crop_size,
        image_format=image_format,
        every=every,
        min_size=min_size,
        mask_model=mask_model,
        fill_gaps=fill_gaps,
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
