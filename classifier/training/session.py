"""Gets everything ready for learning, and says what was found on the way."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from accelerate import Accelerator

from classifier.data.balance import count_classes
from classifier.data.dataset import Dataset, Sample
from classifier.data.duplicates import find_conflicts, find_duplicates
from classifier.models import BuiltNetwork
from classifier.training.learner import Learner, make_learner
from classifier.training.networks import build, place
from classifier.training.objective import make_objective
from classifier.training.settings import Settings
from classifier.training.sources import Source, make_source, without_effect
from classifier.training.state import load_into
from classifier.training.training_data import Splits, load_splits, loss_weights, stored_side
from faceswap.core.checkpoint import Checkpoint
from faceswap.core.errors import MediaError
from faceswap.core.seeding import seed_everything

_LISTED = 5  # files that are named, each on a line; the others are counted
_NAMED = 3  # pairs of them, on one line


@dataclass(frozen=True)
class Voice:
    """How a verb speaks.

    Attributes:
        note: Says one thing.
        bar: ``(title, total, unit)`` -> a context that gives a function to call with the amount
            just done and, if there is one, a text.
    """

    note: Callable[[str], object]
    bar: Callable[[str, float | None, str], AbstractContextManager[Callable[..., None]]]


@dataclass(frozen=True)
class Session:
    """A network on its device, its data, and how it learns.

    Attributes:
        dataset: The samples.
        built: The network.
        side: Height and width that images are stored at; None is the network's own size.
        source: Where the steps come from.
        learner: How it learns.
        kept_aside: Images that it is measured on.
    """

    dataset: Dataset
    built: BuiltNetwork
    side: tuple[int, int] | None
    source: Source
    learner: Learner
    kept_aside: int


def prepare(
    dataset: Dataset,
    settings: Settings,
    accelerator: Accelerator,
    voice: Voice,
    *,
    cache: Path | None = None,
    found: Checkpoint | None = None,
) -> Session:
    """Builds the network, reads the images and puts the learner together.

    Args:
        dataset: From ``open_data``.
        settings: Of the training.
        accelerator: Owns device, processes and precision.
        voice: Says what was found.
        cache: Folder for decoded images and features; None keeps them in memory.
        found: Checkpoint of a run that goes on; its weights take the place of those that a new
            run begins with.

    Raises:
        MediaError: The data cannot be used.
        ConfigError: Settings contradict each other, the network or the data.
        WeightsUnavailable: The published weights cannot be fetched.
    """
    for line in dataset.notes:
        voice.note(line)
    seed_everything(settings.seed)
    built, report = build(settings, dataset, fresh=found is None)
    if report is not None:
        voice.note(report.describe())
    if found is not None:  # before features of a frozen body are computed
        load_into(built.module, found, "network")
    side = stored_side(built, settings, dataset)
    count = sum(len(dataset.splits[split]) for split in ("train", "validation"))
    with voice.bar("read images", count, "images") as advance:
        splits = load_splits(dataset, built, side, cache, advance)
    for line in describe_splits(dataset, splits):
        voice.note(line)
    place(settings, built, accelerator)
    source = _source(settings, built, splits, accelerator, voice, cache)
    weights = loss_weights(settings, dataset, splits.train)
    classes, smoothing = len(dataset.classes), settings.optimizer.label_smoothing
    objective = make_objective(splits.train.labels, classes, weights, smoothing)
    learner = make_learner(settings, built, source, objective, accelerator)
    return Session(dataset, built, side, source, learner, len(splits.validation))


def _source(
    settings: Settings,
    built: BuiltNetwork,
    splits: Splits,
    accelerator: Accelerator,
    voice: Voice,
    cache: Path | None,
) -> Source:
    if settings.transfer.mode != "features":
        return make_source(settings, built, splits, accelerator, cache)
    if ignored := without_effect(settings):
        voice.note(
            f"Features are computed once: {', '.join(ignored)} cannot change them; augment.flip "
            "can."
        )
    total = len(splits.train) + len(splits.validation)
    with voice.bar("features", total, "images") as advance:
        return make_source(settings, built, splits, accelerator, cache, advance)


def describe_splits(dataset: Dataset, splits: Splits) -> list[str]:
    """What was read, what was left out, and how many of each class there are."""
    total = len(splits.train) + len(splits.validation) + len(splits.skipped)
    lines = [f"Skipped {path}: {reason}" for path, reason in splits.skipped[:_LISTED]]
    if splits.skipped:
        lines.append(f"{len(splits.skipped)} of {total} images could not be read and are left out.")
    for title, images in (("train", splits.train), ("kept aside", splits.validation)):
        counts = count_classes(images.labels, dataset.classes)
        if dataset.task == "pixels":
            whole = max(sum(counts.values()), 1)
            listed = ", ".join(f"{name} {count / whole:.1%}" for name, count in counts.items())
        else:
            listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        lines.append(f"{title}: {len(images)} images ({listed})")
    if dataset.task == "pixels" and splits.train.labels.min() > len(dataset.classes):
        raise MediaError(f"No pixel of the masks in {dataset.root} has a class.")
    return lines


def describe_duplicates(dataset: Dataset, on_image: Callable[[int], None]) -> list[str]:
    """Says which images lie in two splits, or bear two labels; nothing is removed.

    Args:
        dataset: The samples, divided.
        on_image: Called with the number of images looked at.
    """
    pairs = find_duplicates(dataset, on_image)
    lines = []
    if pairs:
        lines.append(
            f"{len(pairs)} images look the same as one in another split: what is measured on them "
            f"says too much. {_named(pairs)}"
        )
    if conflicts := find_conflicts(dataset):
        lines.append(
            f"{len(conflicts)} images are equal to one of another class: one of the two is wrong. "
            f"{_named(conflicts)}"
        )
    return lines


def _named(pairs: Sequence[tuple[Sample, Sample]]) -> str:
    listed = "; ".join(f"{one.name} and {other.name}" for one, other in pairs[:_NAMED])
    return f"{'For example ' if len(pairs) > _NAMED else ''}{listed}."
