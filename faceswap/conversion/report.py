"""Conversion report: one line for the user, and JSON beside the output."""

from dataclasses import asdict
from pathlib import Path

from faceswap.conversion.pipeline import ConvertReport
from faceswap.conversion.swapper import Swapper
from faceswap.core.files import sha256_file, write_json
from faceswap.media.sources import Source
from faceswap.models.model_file import LoadedModel
from faceswap.provenance.identity import SigningIdentity
from faceswap.provenance.manifest import readable_name
from faceswap.provenance.metadata import SYNTHETIC, TOOL
from faceswap.provenance.sidecar import sidecar_path


def write_report(
    report: ConvertReport, source: Source, swapper: Swapper, identity: SigningIdentity
) -> None:
    """Writes ``NAME.json`` beside the output file, or beside the folder of photos.

    Args:
        report: Result of the conversion.
        source: Converted source.
        swapper: Swapper of the conversion.
        identity: Signing identity.
    """
    loaded = swapper.loaded
    settings = {
        key: value for key, value in asdict(swapper.settings).items() if key != "mask_model"
    }
    write_json(
        report.output.with_name(report.output.name + ".json"),
        {
            "tool": TOOL,
            "synthetic": SYNTHETIC,
            "source": {"name": readable_name(source.path), "sha256": source.content_hash()},
            "model": {
                "sha256": loaded.digest,
                "checkpoint": loaded.checkpoint,
                **asdict(loaded.meta),
            },
            "identity": swapper.to,
            # The mask network is identified by its hash, not by its path on this machine.
            "settings": settings | dict(swapper.masker.facts),
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
    return {"name": readable_name(file), "sha256": sha256_file(file), "manifest": place}


def describe(report: ConvertReport) -> str:
    """One line about a finished conversion."""
    line = (
        f"{report.output}: {report.faces_swapped} faces swapped in {report.frames_swapped} of "
        f"{report.frames} frames, {report.frames / report.seconds:.1f} frames/s"
    )
    return ". ".join([line, *report.notes, *([report.damage] if report.damage else [])])


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
