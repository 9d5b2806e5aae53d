"""Face masks of crops; importing this package fills the registry."""

from faceswap.maskers import hull, segmentation
from faceswap.maskers.registry import Masker, build_masker, maskers

__all__ = ["Masker", "build_masker", "hull", "maskers", "segmentation"]
