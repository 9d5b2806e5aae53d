"""What a training reports while it is prepared and runs."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

from classifier.data.dataset import Dataset, Sample
from classifier.models.pretrained import LoadReport
from classifier.training.state import EpochResult, Progress
from classifier.training.training_data import LoadedSplits

Advance = Callable[..., None]
"""Called with an amount that is done and, optionally, a text to show."""


class Reporter:
    """Receives the events of a training; this one ignores them all.

    Verbs report to the terminal, programs as they like.
    """

    def bar(self, title: str, total: float | None, unit: str) -> AbstractContextManager[Advance]:  # noqa: ARG002 (for those that show it)
        """Progress bar of a long task; a context manager that gives a function to advance it."""
        return nullcontext(_ignore)

    def on_dataset(self, dataset: Dataset) -> None:
        """The data set was opened; ``dataset.notes`` states how it was interpreted."""

    def on_weights(self, report: LoadReport) -> None:
        """Pretrained weights were loaded."""

    def on_splits(self, dataset: Dataset, splits: LoadedSplits) -> None:
        """Training and validation images were decoded."""

    def on_ignored_settings(self, names: Sequence[str]) -> None:
        """These settings have no effect, since features are computed once."""

    def on_duplicates(
        self,
        across_splits: Sequence[tuple[Sample, Sample]],
        across_classes: Sequence[tuple[Sample, Sample]],
    ) -> None:
        """Near-duplicates in different splits, and duplicates with different classes."""

    def on_changes(self, changes: Sequence[str]) -> None:
        """Settings or data changed since the last start of the run."""

    def on_resume(self, progress: Progress, steps_per_epoch: int) -> None:
        """The run was resumed."""

    def on_epoch(self, result: EpochResult) -> None:
        """An epoch was finished and saved."""


def _ignore(_amount: float = 1, _text: str = "") -> None:
    pass
