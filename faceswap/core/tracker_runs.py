"""How the trackers of Accelerate begin a run, and continue it when a training is resumed.

Each service has arguments of its own for that. Trackers that are not listed here begin another run
at each start.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Arguments = dict[str, Any]


@dataclass(frozen=True)
class TrackedRun:
    """A run at a tracker.

    Attributes:
        identifier: Identifier of the run: a new one, or that of an earlier start.
        name: Name of the training.
        folder: Folder for files.
    """

    identifier: str
    name: str
    folder: Path


@dataclass(frozen=True)
class TrackerRuns:
    """Arguments of the class of a tracker.

    Attributes:
        begun: Function that returns those of a new run.
        continued: Function that returns those of a run of an earlier start.
        id_of: Function that returns the identifier that the service gave to a run; None if the
            service takes the given one.
    """

    begun: Callable[[TrackedRun], Arguments]
    continued: Callable[[TrackedRun], Arguments]
    id_of: Callable[[Any], str] | None = None


def runs_of(tracker: str) -> TrackerRuns:
    """Arguments of a tracker by its name."""
    return _RUNS.get(tracker, TrackerRuns(lambda _: {}, lambda _: {}))


def _of_wandb(run: TrackedRun) -> Arguments:
    return {"id": run.identifier, "name": run.name, "dir": str(run.folder), "resume": "allow"}


def _of_comet(run: TrackedRun) -> Arguments:
    return {"experiment_key": run.identifier, "mode": "get_or_create"}


def _of_dvclive(run: TrackedRun) -> Arguments:
    # Without ``resume`` the files of an earlier start are deleted.
    return {"dir": str(run.folder / "dvclive"), "resume": True}


_RUNS: Mapping[str, TrackerRuns] = {
    "aim": TrackerRuns(
        lambda run: {"experiment": run.name},
        lambda run: {"run_hash": run.identifier},
        lambda tracked: tracked.hash,
    ),
    "comet_ml": TrackerRuns(_of_comet, _of_comet),
    "dvclive": TrackerRuns(_of_dvclive, _of_dvclive),
    "mlflow": TrackerRuns(
        lambda run: {"run_name": run.name},
        lambda run: {"run_id": run.identifier},
        lambda tracked: tracked.info.run_id,
    ),
    "wandb": TrackerRuns(_of_wandb, _of_wandb),
}
