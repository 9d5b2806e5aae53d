"""Reports a training on the terminal; shared by the verbs that train."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

from classifier.data.balance import count_classes
from classifier.data.dataset import Dataset, LoadedImages, Sample
from classifier.models.pretrained import LoadReport
from classifier.training.reporter import Reporter
from classifier.training.state import EpochResult, Progress
from classifier.training.training_data import LoadedSplits
from faceswap.core.console import note, progress_bar

_LISTED = 5  # files that are named, each on a line; the rest are counted
_NAMED = 3  # pairs of images that are named


class ConsoleReporter(Reporter):
    """Prints what a training reports."""

    def bar(
        self, title: str, total: float | None, unit: str
    ) -> AbstractContextManager[Callable[..., None]]:
        """A progress bar."""
        return progress_bar(title, total, unit)

    def on_dataset(self, dataset: Dataset) -> None:
        """Prints how the data were interpreted."""
        for line in dataset.notes:
            note(line)

    def on_weights(self, report: LoadReport) -> None:
        """Prints which pretrained tensors were loaded."""
        note(report.describe())

    def on_splits(self, dataset: Dataset, splits: LoadedSplits) -> None:
        """Prints unreadable files, and the images and classes of each split."""
        for line in _describe_splits(dataset, splits):
            note(line)

    def on_ignored_settings(self, names: Sequence[str]) -> None:
        """Prints settings without effect."""
        note(f"Features are computed once, so {', '.join(names)} has no effect; augment.flip has.")

    def on_duplicates(
        self,
        across_splits: Sequence[tuple[Sample, Sample]],
        across_classes: Sequence[tuple[Sample, Sample]],
    ) -> None:
        """Warns of duplicates; no image is removed."""
        if across_splits:
            note(
                f"{len(across_splits)} near-duplicate images appear in more than one split; scores "
                f"on them are too optimistic. {_name(across_splits)}"
            )
        if across_classes:
            note(
                f"{len(across_classes)} images are identical to one of another class; one of the "
                f"two labels is wrong. {_name(across_classes)}"
            )

    def on_changes(self, changes: Sequence[str]) -> None:
        """Prints what changed since the last start."""
        for change in changes:
            note(f"Changed since the last start: {change}.")

    def on_resume(self, progress: Progress, steps_per_epoch: int) -> None:
        """Prints the progress of the resumed run."""
        if progress.epoch_step:
            note(
                f"Resumed in epoch {progress.epoch + 1}, after step {progress.epoch_step} of "
                f"{steps_per_epoch}."
            )
        else:
            note(f"Resumed after epoch {progress.epoch}.")

    def on_epoch(self, result: EpochResult) -> None:
        """Prints the metrics of an epoch."""
        note(
            f"epoch {result.epoch}: train loss {result.train_loss:.4f}, validation loss "
            f"{result.loss:.4f}, accuracy {result.accuracy:.1%}, balanced accuracy "
            f"{result.balanced_accuracy:.1%}, mIoU {result.mean_iou:.1%}, lr {result.lr:.2g}, "
            f"{result.images_per_second:.0f} images/s"
        )


def _describe_splits(dataset: Dataset, splits: LoadedSplits) -> Iterator[str]:
    total = len(splits.train) + len(splits.validation) + len(splits.skipped)
    for path, reason in splits.skipped[:_LISTED]:
        yield f"Skipped {path}: {reason}"
    if splits.skipped:
        yield f"Skipped {len(splits.skipped)} of {total} images that could not be read."
    for split, images in (("train", splits.train), ("validation", splits.validation)):
        yield f"{split}: {len(images)} images ({_list_classes(dataset, images)})"


def _list_classes(dataset: Dataset, images: LoadedImages) -> str:
    counts: Mapping[str, int] = count_classes(images.labels, dataset.classes)
    if dataset.task == "images":
        return ", ".join(f"{name} {count}" for name, count in counts.items())
    pixels = max(sum(counts.values()), 1)
    return ", ".join(f"{name} {count / pixels:.1%}" for name, count in counts.items())


def _name(pairs: Sequence[tuple[Sample, Sample]]) -> str:
    listed = "; ".join(f"{one.name} and {other.name}" for one, other in pairs[:_NAMED])
    return f"{'For example ' if len(pairs) > _NAMED else ''}{listed}."
