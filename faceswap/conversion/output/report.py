"""Conversion report: one line for the user, and JSON beside the output."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from faceswap.conversion.output.names import Outputs
from faceswap.conversion.swap.swapper import Swapper
from faceswap.core.documents import DocumentModel, Items, read_json
from faceswap.core.errors import FaceswapError
from faceswap.core.files import sha256_file, write_json
from faceswap.core.text import readable_name
from faceswap.media.converted import read_conversion_report
from faceswap.media.hashed_source import HashedSource
from faceswap.media.sources import Source
from faceswap.models.model_file import LoadedModel
from faceswap.provenance.identity import SigningIdentity
from faceswap.provenance.manifest import Conversion, stored_names
from faceswap.provenance.metadata import SYNTHETIC, TOOL
from faceswap.provenance.sidecar import sidecar_path


@dataclass(frozen=True)
class ConvertReport:
    """Result of converting one source.

    Attributes:
        output: Written video file, single photo, or folder of photos.
        files: Written files.
        frames: Number of frames, those that an earlier run wrote included.
        frames_swapped: Number of frames with at least one swapped face.
        faces_swapped: Number of swapped faces.
        shown: Identities to which they were swapped.
        seconds: Duration of this run in seconds.
        frames_now: Number of frames that this run wrote.
        damage: Description of the unreadable part of the source; "" if there is none.
        notes: Differences from the source that the writer had to make, one line each.
        rates: Throughput of each stage of this run in frames per second; empty for photos.
        missing: Work left to other runs before the output is complete; "" if it is.
    """

    output: Path
    files: tuple[Path, ...] = ()
    frames: int = 0
    frames_swapped: int = 0
    faces_swapped: int = 0
    shown: tuple[str, ...] = ()
    seconds: float = 0.0
    frames_now: int = 0
    damage: str = ""
    notes: tuple[str, ...] = ()
    rates: Mapping[str, float] = field(default_factory=dict)
    missing: str = ""


class _StoredFile(DocumentModel):
    name: str


class _StoredReport(DocumentModel):
    """What is read of a report that this program wrote."""

    fingerprint: str
    frames: int
    frames_swapped: int
    faces_swapped: int
    shows: Items[str]
    damage: str
    notes: Items[str]
    files: Items[_StoredFile]


def write_report(
    report: ConvertReport,
    outputs: Outputs,
    hashed: HashedSource,
    swapper: Swapper,
    conversion: Conversion,
    identity: SigningIdentity,
) -> None:
    """Writes ``NAME.json`` beside the output file, or beside the folder of photos.

    Args:
        report: Result of the conversion.
        outputs: Names of the outputs.
        hashed: Converted source.
        swapper: Swapper of the conversion.
        conversion: Content of the manifests.
        identity: Signing identity.
    """
    loaded = swapper.loaded
    write_json(
        outputs.report,
        {
            "tool": TOOL,
            "synthetic": SYNTHETIC,
            "source": {"name": readable_name(hashed.source.path.name), "sha256": hashed.sha256},
            "model": {
                "sha256": loaded.digest,
                "checkpoint": loaded.checkpoint,
                **asdict(loaded.meta),
            },
            "shows": list(report.shown),
            "targets": conversion.settings["targets"]["rules"],
            "settings": dict(swapper.parts.facts),
            "fingerprint": conversion.fingerprint(hashed.files),
            "frames": report.frames,
            "frames_swapped": report.frames_swapped,
            "faces_swapped": report.faces_swapped,
            "damage": report.damage,
            "notes": list(report.notes),
            "signed_by": {"name": identity.name, "certificate_sha256": identity.fingerprint},
            "files": [_describe_file(file) for file in report.files],
        },
    )


def _describe_file(file: Path) -> dict[str, str]:
    sidecar = sidecar_path(file)
    place = sidecar.name if sidecar.is_file() else "embedded"
    return {"name": readable_name(file.name), "sha256": sha256_file(file), "manifest": place}


def read_own_report(outputs: Outputs, fingerprint: str) -> ConvertReport | None:
    """Report that an identical conversion wrote earlier; None if there is no such report.

    Args:
        outputs: Names of the outputs.
        fingerprint: ``Conversion.fingerprint`` with all files of the source.
    """
    try:
        stored = _StoredReport(**read_json(outputs.report, _StoredReport))
    except (OSError, FaceswapError):
        return None  # absent, or of something else
    if stored.fingerprint != fingerprint:
        return None
    names = {file.name for file in stored.files}
    candidates = outputs.files
    if outputs.pattern is not None:
        candidates = tuple(outputs.path / file.name for file in stored.files)
    return ConvertReport(
        output=outputs.path,
        files=tuple(file for file in candidates if stored_names(file) & names),
        frames=stored.frames,
        frames_swapped=stored.frames_swapped,
        faces_swapped=stored.faces_swapped,
        shown=tuple(stored.shows),
        seconds=0.0,
        frames_now=0,
        damage=stored.damage,
        notes=tuple(stored.notes),
    )


def is_report_of(path: Path, source: Source) -> bool:
    """Whether a file is the report of a conversion of a source of this name."""
    report = read_conversion_report(path)
    return report is not None and report.source.name in stored_names(source.path)


def describe(report: ConvertReport) -> str:
    """One line about a conversion, and one for each note."""
    if report.missing:
        now = f"{report.frames_now} frames, {_speed(report)}; " if report.frames_now else ""
        return f"{report.output}: {now}{report.missing}"
    line = (
        f"{report.output}: {report.faces_swapped} faces swapped in {report.frames_swapped} of "
        f"{report.frames} frames, {_speed(report) if report.frames_now else 'already complete'}"
    )
    summary = ". ".join([line, *([report.damage] if report.damage else [])])
    return "\n".join([summary, *(f"  {note}" for note in report.notes)])


def _speed(report: ConvertReport) -> str:
    """Rates of a run that wrote some frames."""
    stages = ", ".join(f"{name} {rate:.0f}" for name, rate in report.rates.items())
    rate = f"{report.frames_now / report.seconds:.1f} frames/s"
    return f"{rate} ({stages})" if stages else rate


def describe_model(path: Path, loaded: LoadedModel) -> str:
    """One line about the model, its checkpoint and its step.

    Args:
        path: Run or model folder that the user gave.
        loaded: The model.
    """
    step = f"step {loaded.meta.step}"
    if loaded.checkpoint in ("", step):
        return f"Model: {path}, {step}."
    return f"Model: {path}, {loaded.checkpoint} checkpoint ({step})."
