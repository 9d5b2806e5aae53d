"""Labelled images: from files to batches."""

from classifier.data.augmentation import Augmentation
from classifier.data.balance import (
    class_counts,
    class_weights,
    count_classes,
    require_every_class,
)
from classifier.data.batches import Batch, BatchPlan
from classifier.data.dataset import (
    IGNORE_INDEX,
    SPLITS,
    Dataset,
    LoadedImages,
    MaskCode,
    Sample,
)
from classifier.data.duplicates import find_conflicts, find_duplicates
from classifier.data.loading import load_images, pixel_side
from classifier.data.readers.opening import open_dataset
from classifier.data.splits import folds, require_trainable, split_dataset
from classifier.data.windows import middle

__all__ = [
    "IGNORE_INDEX",
    "SPLITS",
    "Augmentation",
    "Batch",
    "BatchPlan",
    "Dataset",
    "LoadedImages",
    "MaskCode",
    "Sample",
    "class_counts",
    "class_weights",
    "count_classes",
    "find_conflicts",
    "find_duplicates",
    "folds",
    "load_images",
    "middle",
    "open_dataset",
    "pixel_side",
    "require_every_class",
    "require_trainable",
    "split_dataset",
]
