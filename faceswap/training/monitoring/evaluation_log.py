"""The evaluations of a run on disk: a JSON document a line, in ``logs/metrics.jsonl``."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from statistics import fmean
from typing import Any

from faceswap.core.documents import parse_json, restore_type
from faceswap.core.errors import DocumentError
from faceswap.core.files import atomic_write
from faceswap.core.log import get_logger
from faceswap.core.text import counted
from faceswap.training.monitoring.measurement import Measured
from faceswap.training.run.progress import Progress

_log = get_logger(__name__)
_REMEDY = "Delete the line."


@dataclass(frozen=True)
class Evaluation:
    """An evaluation.

    Attributes:
        step: Number of finished steps.
        seconds: Elapsed training time.
        phase: Name of the phase; "" for a training without phases.
        measure: Name of what the score measures.
        score: Values that decide which evaluation is best; empty without held-out faces.
        losses: Mean loss of each identity since the evaluation before.
        identities: ``ssim`` and ``l1`` of the reconstructions of each identity.
        swaps: ``source``, ``target`` and the figures of each direction.
    """

    step: int
    seconds: float
    phase: str
    measure: str
    score: tuple[float | None, ...]
    losses: dict[str, float]
    identities: dict[str, dict[str, float | None]]
    swaps: list[dict[str, str | float | None]] = field(default_factory=list)


class EvaluationLog:
    """Reads and writes the evaluations of a run.

    Every evaluation is written to the disk before its checkpoint, and those of later steps than the
    newest checkpoint are dropped at the next start.

    Args:
        path: The file.
        step: Step of the newest checkpoint.
    """

    def __init__(self, path: Path, step: int) -> None:
        self._path = path
        earlier = self._read()
        self.entries = [entry for entry in earlier if entry.step <= step]
        self._losses: list[dict[str, float]] = []
        if len(self.entries) < len(earlier):
            self._write()

    def note_losses(self, losses: dict[str, float]) -> None:
        """Adds mean losses of some steps to those of the next evaluation."""
        self._losses.append(losses)

    def add(self, measured: Measured, progress: Progress) -> None:
        """Adds an evaluation; it replaces those of the same and later steps.

        Raises:
            StorageFullError: The disk is full; the file is as it was.
        """
        names = self._losses[0] if self._losses else {}
        losses = {name: fmean(each[name] for each in self._losses) for name in names}
        self._losses.clear()
        swaps: list[dict[str, str | float | None]] = [
            {"source": source, "target": target, **asdict(swap)}
            for (source, target), swap in measured.swaps.items()
        ]
        entry = Evaluation(
            progress.step,
            round(progress.seconds, 3),
            progress.phase.name,
            measured.measure,
            tuple(map(_finite, measured.score or ())),
            losses,
            {
                name: {figure: _finite(value) for figure, value in asdict(each).items()}
                for name, each in measured.quality.items()
            },
            swaps,
        )
        self.entries = [each for each in self.entries if each.step < entry.step] + [entry]
        self._write()

    def _read(self) -> list[Evaluation]:
        if not self._path.is_file():
            return []
        try:
            lines = self._path.read_bytes().split(b"\n")
        except OSError as error:
            _log.warning("The metrics in %s begin anew. %s", self._path, error)
            return []
        entries, errors = [], []
        for number, line in enumerate(lines, 1):
            try:
                entries += [_parse(line, f"{self._path}, line {number}")] if line.strip() else []
            except DocumentError as error:
                errors.append(error)
        if errors:
            _log.warning(
                "%s of %s cannot be read and will be removed, the first one because: %s",
                counted(len(errors), "line"),
                self._path,
                errors[0],
            )
        return entries

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(self._path, _lines([asdict(entry) for entry in self.entries]))


def _parse(line: bytes, where: str) -> Evaluation:
    value: Any = parse_json(line, where, hint=_REMEDY)
    return restore_type(value, Evaluation, where, DocumentError, _REMEDY)


def _lines(values: Sequence[dict[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(value, ensure_ascii=False)}\n" for value in values).encode()


def _finite(value: float) -> float | None:
    """The value; None for NaN and infinity, which JSON does not have."""
    return value if isfinite(value) else None
