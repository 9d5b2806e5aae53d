"""Image classification: train networks, from one neuron to pretrained ones, and use them.

The functions of this package are imported on first use, so ``import classifier`` is fast.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from classifier.library import (
        Classifier,
        Prediction,
        Unreadable,
        extract_features,
        load_classifier,
        predict_files,
        predict_images,
    )

__all__ = [
    "Classifier",
    "Prediction",
    "Unreadable",
    "extract_features",
    "load_classifier",
    "predict_files",
    "predict_images",
]


def __getattr__(name: str) -> Any:
    # Functions of the library have their names here without the imports that they need.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module("classifier.library"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
