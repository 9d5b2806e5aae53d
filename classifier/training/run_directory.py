"""The run directory of ``classifier train``."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from classifier.data.contents import digest_contents, digest_states
from classifier.data.dataset import Dataset
from classifier.training.settings import Settings
from faceswap.core.config import StrictModel
from faceswap.core.run_folder import RunFolder
from faceswap.core.run_manifest import Data

CONTENT = "content_sha256"
"""Key of the digest of all file contents in the description of a data set."""
_STATES = "states_sha256"


class RunDirectory(RunFolder[Settings]):
    """A training of a classifier on disk."""

    schema: ClassVar[type[StrictModel]] = Settings
    section: ClassVar[str] = "classifier"
    # The weights, the splits and the random stream depend on these.
    fixed: ClassVar[tuple[str, ...]] = (
        "seed",
        "network",
        "transfer.mode",
        "data.classes",
        "data.validation",
        "data.group",
        "data.height",
        "data.width",
        "optimizer.name",
        "optimizer.ema",
    )

    results: ClassVar[tuple[str, ...]] = ("history.json",)
    without_checkpoints: ClassVar[str] = " To start from its model, add --weights {model}."

    @property
    def history(self) -> Path:
        """Results of all epochs, as JSON."""
        return self.path / "history.json"

    def data_changes(self, before: Data, now: Data) -> Iterator[str]:
        """Differences in the data, also in files edited under the same names and sizes."""
        changes = list(super().data_changes(before, now))
        yield from changes
        if changes:
            return
        for name, sources in now.items():
            for old, new in zip(before[name], sources, strict=True):
                # Runs of older versions have no digest of the contents.
                if {CONTENT} <= old.keys() & new.keys() and old[CONTENT] != new[CONTENT]:
                    yield f"{name} has other content under the same names and sizes"


def describe_dataset(dataset: Dataset, before: Data | None) -> Data:
    """What a run is trained on, for its manifest.

    The contents of the files (``CONTENT``) are digested only to compare them, if the files may have
    changed since the last start.

    Args:
        dataset: The data set.
        before: The description of the run's last start; None for a new run.
    """
    source = {
        "path": str(dataset.root.resolve()),
        "sha256": dataset.digest(),
        _STATES: digest_states(dataset),
        "classes": list(dataset.classes),
    }
    old = before["images"][0] if before and before.get("images") else {}
    if CONTENT in old and old["sha256"] == source["sha256"]:
        same = old.get(_STATES) == source[_STATES]
        source[CONTENT] = old[CONTENT] if same else digest_contents(dataset)
    return {"images": [source]}
