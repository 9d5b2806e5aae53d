"""Face masks of crops; importing this package fills the registry."""

from faceswap.maskers import outlines, segmentation
from faceswap.maskers.registry import Masker, build_masker, build_maskers, maskers, split_names

__all__ = [
    "Masker",
    "build_masker",
    "build_maskers",
    "maskers",
    "outlines",
    "segmentation",
    "split_names",
]
