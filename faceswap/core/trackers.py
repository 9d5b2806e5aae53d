"""Experiment trackers such as Weights & Biases or MLflow, through Accelerate."""

import json
import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from accelerate.tracking import LOGGER_TYPE_TO_CLASS, GeneralTracker, get_available_trackers
from accelerate.utils import LoggerType

from faceswap.core.config_errors import nearest
from faceswap.core.documents import DocumentModel
from faceswap.core.errors import ConfigError, TrainingError
from faceswap.core.formats import Format
from faceswap.core.log import get_logger
from faceswap.core.tracker_runs import TrackedRun, runs_of

_log = get_logger(__name__)
_PACKAGES = {"comet_ml": "comet-ml"}  # where the name on the package index is another one


class _Record(DocumentModel):
    """What is known of a run at a tracker."""

    id: str
    steps: dict[str, int]  # newest step of each curve


class _RecordsDocument(DocumentModel):
    trackers: dict[str, _Record]


_RECORDS = Format("training-trackers", 1, TrainingError, schema=_RecordsDocument)


def check_trackers(names: Sequence[str]) -> None:
    """Checks that trackers exist and are installed.

    Raises:
        ConfigError: A name is unknown, is given twice, or its package is not installed.
    """
    known = sorted(set(LOGGER_TYPE_TO_CLASS) - {"tensorboard"})
    # Those that a program registered itself are not in either list.
    missing = set(map(str, LoggerType)) - set(map(str, get_available_trackers()))
    for number, name in enumerate(names):
        if name == "tensorboard":
            raise ConfigError(
                "TensorBoard needs no tracker: its log is written where it is installed.",
                "Remove it from output.trackers.",
            )
        if name not in known:
            raise ConfigError(
                f"Unknown tracker {name!r} in output.trackers.",
                f"{nearest(name, known)}Known trackers: {', '.join(known)}.",
            )
        if name in names[:number]:
            raise ConfigError(
                f"The tracker {name!r} is twice in output.trackers.", "Remove one of them."
            )
        if name in missing:
            raise ConfigError(
                f"The tracker {name!r} is not installed.",
                f"Run: pip install {_PACKAGES.get(name, name)}",
            )


class Trackers:
    """The trackers of a training; used by the first process only.

    Each point of a curve is sent once: the steps between the last checkpoint and a kill are trained
    again, with the same result, but not sent again. A tracker that fails is left out from then on,
    with a warning.

    Args:
        names: Names of the trackers.
        file: File that records what was sent.
        project: Name of the project at each tracker.
        run: Name of the training.
        settings: Settings of the training; nested mappings are sections.

    Raises:
        ConfigError: A tracker cannot be started.
        TrainingError: The file is damaged.
    """

    def __init__(
        self,
        names: Sequence[str],
        file: Path,
        project: str,
        run: str,
        settings: Mapping[str, Any],
    ) -> None:
        self._file = file
        self._records: dict[str, Any] = {}
        if names and file.is_file():
            self._records = _RECORDS.read(file)["trackers"]
        self._started = {name: self._start(name, project, run, _flat(settings)) for name in names}

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Sends the points of a step that were not sent before.

        Args:
            values: Values by the name of the curve; those that are not finite are left out.
            step: Number of finished steps.
        """
        due: dict[str, dict[str, float]] = {}
        for name in self._started:
            sent = self._records[name]["steps"]
            due[name] = {
                curve: value
                for curve, value in values.items()
                if math.isfinite(value) and sent.get(curve, -1) < step
            }
            sent |= dict.fromkeys(due[name], step)
        if any(due.values()):
            self._write()  # first: a kill in between may lose a point, but never doubles one
        for name, points in due.items():
            if points:
                self._attempt(name, lambda tracker, p=points: tracker.log(p, step=step))

    def close(self) -> None:
        """Sends what is left, and ends the runs."""
        for name in list(self._started):
            self._attempt(name, lambda tracker: tracker.finish())
        self._started = {}

    def _start(
        self, name: str, project: str, run: str, settings: Mapping[str, Any]
    ) -> GeneralTracker:
        earlier = self._records.get(name)
        tracked = TrackedRun(earlier["id"] if earlier else uuid.uuid4().hex, run, self._file.parent)
        runs = runs_of(name)
        kind = LOGGER_TYPE_TO_CLASS[name]
        place = [str(tracked.folder)] if kind.requires_logging_directory else []
        try:
            tracker = kind(project, *place, **(runs.continued if earlier else runs.begun)(tracked))
            tracker.start()
            if not earlier:  # some services refuse to change them later
                tracker.store_init_configuration(dict(settings))
            identifier = runs.id_of(tracker.tracker) if runs.id_of else tracked.identifier
        except Exception as error:  # whatever its library raises
            raise ConfigError(
                f"The tracker {name!r} cannot be started: {error}",
                "Log in to its service, or remove it from output.trackers.",
            ) from error
        if not earlier:
            self._records[name] = {"id": identifier, "steps": {}}
            self._write()
        return tracker

    def _attempt(self, name: str, function: Callable[[GeneralTracker], object]) -> None:
        try:
            function(self._started[name])
        except Exception as error:  # whatever its library raises
            del self._started[name]
            _log.warning("The tracker %s failed and is left out from now on: %s", name, error)

    def _write(self) -> None:
        _RECORDS.write(self._file, {"trackers": self._records})


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by dotted name; what trackers cannot store becomes JSON."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            plain = isinstance(value, bool | int | float | str)
            flat[prefix + name] = value if plain else json.dumps(value)
    return flat
