"""Records the finished stages of a long job, so that a repeated job skips them."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from faceswap.core.documents import DocumentModel, read_json
from faceswap.core.files import write_json

StageMetrics = dict[str, Any]


class _Stage(DocumentModel):
    """A finished stage."""

    key: dict[str, Any]
    metrics: StageMetrics


class Stages:
    """Finished stages of a job, kept in a JSON file.

    A stage is finished if it was recorded with the same key and all its result files exist.

    Args:
        path: JSON file; created when missing.

    Attributes:
        path: JSON file.
        executed: Names of the stages executed by this object.

    Raises:
        DocumentError: The file exists and is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.executed: list[str] = []
        self._stages: dict[str, dict[str, Any]] = {}
        if path.exists():
            hint = "Delete it to run every stage again."
            # Metrics may be NaN.
            self._stages = read_json(path, dict[str, _Stage], finite=False, hint=hint)

    def run(
        self,
        name: str,
        key: Mapping[str, Any],
        results: Sequence[Path],
        work: Callable[[], StageMetrics],
    ) -> StageMetrics:
        """Execute a stage unless it is finished.

        Args:
            name: Name of the stage.
            key: Values that the results depend on, as JSON.
            results: Files that the stage writes atomically.
            work: Function that executes the stage and returns its metrics as JSON values.

        Returns:
            New or recorded metrics, with the run time in ``seconds``.
        """
        recorded = self._stages.get(name)
        if recorded and recorded["key"] == dict(key) and all(path.exists() for path in results):
            return recorded["metrics"]
        start = time.monotonic()
        metrics = work()
        metrics = {"seconds": time.monotonic() - start} | metrics
        self._stages[name] = {"key": dict(key), "metrics": metrics}
        write_json(self.path, self._stages)
        self.executed.append(name)
        return metrics
