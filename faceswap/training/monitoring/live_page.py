"""A page in the folder of the previews that shows a training while it runs.

It is plain files, without a server: ``index.html`` reads ``live.js`` again every few seconds.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from faceswap.core.documents import DocumentModel, parse_json
from faceswap.core.errors import DocumentError
from faceswap.core.files import atomic_write
from faceswap.core.log import get_logger
from faceswap.core.text import one_line
from faceswap.training.monitoring.loss_curve import LossCurve
from faceswap.training.monitoring.memory_use import GIB
from faceswap.training.monitoring.preview_files import find_previews
from faceswap.training.monitoring.step_report import StepReport
from faceswap.training.monitoring.timelapse import NAME as TIMELAPSE
from faceswap.training.run.progress import Progress

_log = get_logger(__name__)
_PAGE, _DATA = "index.html", "live.js"
_BEFORE, _AFTER = "show(", ");\n"
_INTERVAL = 5.0  # seconds
_MOST_OF_TIME = 0.01  # fraction of the time that writing may take


class _Earlier(DocumentModel):
    """What is read again when a training is resumed."""

    identities: list[str]
    points: list[list[float]]


class LivePage:
    """Writes ``index.html`` and ``live.js``.

    Args:
        folder: Folder of the previews.
        title: Name of the run.
        identities: Names of the identities.
        step: Number of finished steps; losses of later ones are of a start that was killed.
        curves: Page with the held-out metrics; linked if it exists.
    """

    def __init__(
        self, folder: Path, title: str, identities: Sequence[str], step: int, curves: Path
    ) -> None:
        self._folder, self._title, self._curves = folder, one_line(title), curves
        self._identities = [one_line(name) for name in identities]
        self._curve = self._earlier()
        self._curve.drop_from(step + 1)
        self._step = step
        self._phases: list[tuple[str, int]] = []
        self._report: StepReport | None = None
        self._due, self._written = 0.0, time.monotonic()
        self._is_open = False

    def open(self, progress: Progress) -> None:
        """Writes the page at the beginning of a start.

        Raises:
            StorageFullError: The disk is full.
            OSError: A file cannot be written.
        """
        atomic_write(self._folder / _PAGE, Path(__file__).with_name("live_page.html").read_bytes())
        self._is_open = True
        self.update(progress)
        _log.info("To watch the training, open %s in a browser.", self._folder / _PAGE)

    def report(self, report: StepReport) -> None:
        """Adds a report; it is written if the last one was long enough ago.

        Raises:
            StorageFullError: The disk is full.
            OSError: A file cannot be written.
        """
        self._report, self._step = report, report.step
        self._curve.add(report.step, list(report.losses.values()))
        if self._is_open and time.monotonic() >= self._due:
            self._write()

    def update(self, progress: Progress) -> None:
        """Shows a new preview or phase.

        Raises:
            StorageFullError: The disk is full.
            OSError: A file cannot be written.
        """
        self._step = progress.step
        self._phases = [(one_line(phase.name), phase.step) for phase in progress.phases]
        self._write()

    def close(self, progress: Progress) -> None:
        """Shows that this start has ended; nothing if it never began.

        Raises:
            StorageFullError: The disk is full.
            OSError: A file cannot be written.
        """
        if self._is_open:
            self._step = progress.step
            self._write(_ending(progress))

    def _write(self, state: str = "") -> None:
        begun = time.monotonic()
        video = self._folder / TIMELAPSE
        news = {
            "title": self._title,
            "state": state,
            "written": time.time(),
            "interval": round(begun - self._written),
            "percent": f"{self._report.fraction:.0%}" if self._report else "",
            "figures": [] if self._report is None else _figures(self._report),
            "identities": self._identities,
            "points": [[step, *map(_short, losses)] for step, *losses in self._curve.points],
            "phases": self._phases,
            "previews": list(find_previews(self._folder, self._step)),
            "timelapse": int(video.stat().st_mtime) if video.is_file() else 0,
            "curves": f"../{self._curves.parent.name}/{self._curves.name}"
            if self._curves.is_file()
            else "",
        }
        atomic_write(self._folder / _DATA, f"{_BEFORE}{json.dumps(news)}{_AFTER}".encode())
        ended = time.monotonic()
        self._written = begun
        self._due = ended + max(_INTERVAL, (ended - begun) / _MOST_OF_TIME)

    def _earlier(self) -> LossCurve:
        """The losses of earlier starts; none if the page is missing or was changed."""
        path = self._folder / _DATA
        if not path.is_file():
            return LossCurve()
        try:
            text = path.read_text("utf-8").removeprefix(_BEFORE).removesuffix(_AFTER)
            found = parse_json(text, path, _Earlier)
        except (DocumentError, OSError, ValueError) as error:
            _log.warning("The curves of %s begin anew. %s", self._folder / _PAGE, error)
            return LossCurve()
        width = 1 + len(self._identities)
        same = found["identities"] == self._identities
        return LossCurve([p for p in found["points"] if same and len(p) == width])


def _ending(progress: Progress) -> str:
    if progress.ended:
        return f"Ended at step {progress.step:,}: {progress.ended}"
    return f"Stopped at step {progress.step:,}; run the same command again to resume"


def _figures(report: StepReport) -> list[tuple[str, str]]:
    """Rows of the table: names and values."""
    rows = [("Step", f"{report.step:,}")]
    if report.phase:
        rows.append(("Phase", f"{report.phase_number}, {one_line(report.phase)}"))
    rows += [("Time", _duration(report.seconds))]
    if report.seconds_left is not None:
        rows.append(("Time left", f"{_duration(report.seconds_left)} of this budget"))
    rows += [
        ("Learning rate", f"{report.lr:.2g}"),
        ("Steps per second", f"{report.steps_per_second:.2f}"),
        ("Faces per second", f"{report.faces_per_second:.1f}"),
        ("Waiting for data", f"{report.waiting:.1%}"),
    ]
    if report.memory:
        rows += [
            ("Memory", f"{report.memory.now / GIB:.2f} GiB"),
            ("Peak memory", f"{report.memory.peak / GIB:.2f} GiB"),
        ]
    return rows


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def _short(loss: float) -> float:
    return float(f"{loss:.5g}")
