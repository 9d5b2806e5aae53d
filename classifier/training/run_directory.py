"""The run directory of ``classifier train``."""

from pathlib import Path
from typing import ClassVar

from classifier.data.dataset import Dataset
from classifier.training.settings import Settings
from faceswap.core.config import StrictModel
from faceswap.core.run_folder import Data, RunFolder


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


def describe_dataset(dataset: Dataset) -> Data:
    """What a run is trained on, for its manifest."""
    source = {
        "path": str(dataset.root.resolve()),
        "sha256": dataset.digest(),
        "classes": list(dataset.classes),
    }
    return {"images": [source]}
