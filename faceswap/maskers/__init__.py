"""Face masks of crops; importing this package fills the registry."""

from faceswap.maskers import outlines, segmentation
from faceswap.maskers.registry import (
    Masker,
    build_masker,
    build_maskers,
    maskers,
    needs_landmarks_only,
    split_names,
)

__all__ = [
    "Masker",
    "build_masker",
    "build_maskers",
    "maskers",
    "needs_landmarks_only",
    "outlines",
    "segmentation",
    "split_names",
]
