"""Remembers which stages of a long job are finished, so that a repeated job does not redo them."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from faceswap.core.errors import FaceswapError
from faceswap.core.files import read_json, write_json

Figures = dict[str, Any]


class Stages:
    """The finished stages of a job, in a JSON file beside its results.

    A stage is finished when it was recorded with the same key and its results are still there.

    Args:
        path: The JSON file; it need not exist.

    Raises:
        FaceswapError: The file exists and is not one of these.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.redone: list[str] = []
        self._stages: dict[str, dict[str, Any]] = {}
        if path.exists():
            try:
                self._stages = {
                    name: {"key": s["key"], "figures": s["figures"]}
                    for name, s in read_json(path).items()
                }
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise FaceswapError(
                    f"{path} is damaged.", "Delete it: every stage is then gone through again."
                ) from error

    def run(
        self,
        name: str,
        key: Mapping[str, Any],
        results: Sequence[Path],
        work: Callable[[], Figures],
    ) -> Figures:
        """Does a stage unless it is finished.

        Args:
            name: Of the stage.
            key: What its results depend on (JSON values).
            results: Files that it leaves, each complete or absent.
            work: Does it and returns figures about it (JSON values).

        Returns:
            The figures, of now or of then, with the time it took in ``seconds``.
        """
        done = self._stages.get(name)
        if done and done["key"] == dict(key) and all(path.exists() for path in results):
            return done["figures"]
        begun = time.monotonic()
        figures = work()
        figures = {"seconds": time.monotonic() - begun} | figures
        self._stages[name] = {"key": dict(key), "figures": figures}
        write_json(self.path, self._stages)
        self.redone.append(name)
        return figures
