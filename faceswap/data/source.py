"""Where the faces of an identity come from: a cache of all of them, or a stream of tar files."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from faceswap.data.training_crop import CropGeometry


class Crops(Protocol):
    """Crops of the faces of a source, by index."""

    def __getitem__(self, index: int, /) -> NDArray[np.uint8]:
        """Crop of a face, ``(S, S, 6) uint8``, see ``training_crop``."""
        ...


@dataclass(frozen=True, eq=False)
class Sampling:
    """How the training faces of an identity are sampled.

    Attributes:
        seed: Seed of the run.
        stream: Name of the random stream.
        batch: Size of the global batch of one identity.
        training: Indices of the training faces, ascending for a stream of tar files.
        weights: Mean number of times that each face comes in a round; None for once.
    """

    seed: int
    stream: str
    batch: int
    training: NDArray[np.int64]
    weights: NDArray[np.float64] | None = None


class Order(Protocol):
    """Order in which the training faces of an identity come; a pure function of step and slot."""

    def face(self, step: int, slot: int) -> int:
        """Number, among the training faces, of the one in a slot of the global batch."""
        ...

    def any_face(self, step: int, fraction: float, /) -> int:
        """Number of the face that a random number in [0, 1) chooses of those at hand in a step."""
        ...


class FaceSource(Protocol):
    """Faces of one identity; it is sent to other processes."""

    @property
    def geometry(self) -> CropGeometry:
        """Size of the crops."""
        ...

    def open(self) -> Crops:
        """The crops, for this process."""
        ...

    def order(self, sampling: Sampling) -> Order:
        """Order of the training faces."""
        ...

    def representatives(self, indices: NDArray[np.int64], at_most: int) -> NDArray[np.int64]:
        """Some of the faces with these indices, for measurements and pictures."""
        ...
