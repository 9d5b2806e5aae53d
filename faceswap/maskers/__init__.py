"""Which pixels of a crop are face: importing this package fills the registry."""

from faceswap.maskers import hull
from faceswap.maskers.registry import Masker, maskers

__all__ = ["Masker", "hull", "maskers"]
