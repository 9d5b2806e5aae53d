"""What is said of a finished extraction."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceswap.core.urls import is_url
from faceswap.facesets.subjects import find_records, subject_hint
from faceswap.provenance.subject import Subject, is_unstated


@dataclass(frozen=True)
class ExtractReport:
    """Result of extracting one source.

    Attributes:
        name: Name of the source.
        path: Directory of the faceset.
        frames: Number of processed frames, those of earlier runs included.
        frames_with_face: Number of frames with at least one face.
        faces: Number of faces.
        seconds: Duration of this run in seconds; 0 if several processes shared the work.
        frames_now: Number of frames that this run read.
        damage: Description of the unreadable part of the source; "" if there is none.
        left_out: Number of faces that were not selected, by the name of the condition.
        rates: Frames per second of each stage of this run by itself: decode, detect, track, write.
        notes: Lines about how this run read the source.
    """

    name: str
    path: Path
    frames: int
    frames_with_face: int
    faces: int
    seconds: float
    frames_now: int
    damage: str
    left_out: Mapping[str, int]
    rates: Mapping[str, float]
    notes: tuple[str, ...] = ()

    @classmethod
    def of_faceset(
        cls,
        name: str,
        path: Path,
        record: Mapping[str, Any],
        notes: tuple[str, ...] = (),
        *,
        frames_now: int = 0,
        seconds: float = 0.0,
        rates: Mapping[str, float] | None = None,
    ) -> "ExtractReport":
        """The report of a complete extraction.

        Args:
            name: Name of the source.
            path: Directory of the faceset.
            record: Record of the faceset.
            notes: Lines about how this run read the source.
            frames_now: Number of frames that this run read.
            seconds: Duration of this run.
            rates: Frames per second of each stage of this run; None if they are not known.
        """
        facts, extractor = record["source"], record["extractor"]
        every, begin = extractor["every"], extractor["first_frame"] or 0
        return cls(
            name=name,
            path=path,
            frames=math.ceil(facts["frames"] / every) - math.ceil(begin / every),
            frames_with_face=facts["frames_with_face"],
            faces=facts["faces"],
            seconds=seconds,
            frames_now=frames_now,
            damage=facts["damage"],
            left_out=facts.get("left_out", {}),
            rates=rates or {},
            notes=notes,
        )


def describe(report: ExtractReport, place: str) -> str:
    """Summarises a finished source in one line, and one for each note.

    Args:
        report: Result of the extraction.
        place: Path or URL of the faceset.
    """
    fraction = report.frames_with_face / max(1, report.frames)
    line = (
        f"{report.name}: {report.faces} faces in {report.frames_with_face} of "
        f"{report.frames} frames ({fraction:.1%}) -> {place}"
    )
    if report.frames_now and report.seconds:
        stages = ", ".join(f"{name} {rate:.0f}" for name, rate in report.rates.items())
        line += f", {report.frames_now / report.seconds:.1f} frames/s"
        line += f" ({stages})" if stages else ""
    elif not report.frames_now:
        line += ", already complete"
    ((record,),) = find_records(report.path).values()
    if is_unstated(record) and is_url(place):
        subject = "Subject: person and basis are unstated; repeat the command with --subject."
    elif is_unstated(record):
        subject = f"Subject: {subject_hint(report.path)}"
    else:
        subject = f"Subject: {Subject.from_json(record).describe()}."
    summary = ". ".join([line, *([report.damage] if report.damage else []), subject])
    return "\n".join([summary, *(f"  {note}" for note in (*_left_out(report), *report.notes))])


def _left_out(report: ExtractReport) -> list[str]:
    """A line about the faces that were not selected, if there are any."""
    counts = [f"{n} by --{name.replace('_', '-')}" for name, n in report.left_out.items()]
    return [f"left out: {', '.join(counts)}"] if counts else []
