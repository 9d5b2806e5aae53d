"""Faces of other identities that lend their colours."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from faceswap.data.balance import weighted_index
from faceswap.data.colour_statistics import colour_statistics, transfer_matrix


class ColourLenders:
    """Chooses random faces of other identities, and measures their colours.

    Args:
        crops: Cached faces of each identity, ``(N, S, S, CHANNELS) uint8``.
        training: Indices of the training faces of each identity.
        fraction: Fraction of faces that take the colours of another.
        weights: Weights of the training faces of identities that are not sampled evenly, see
            ``balance.face_weights``.
    """

    def __init__(
        self,
        crops: Mapping[str, NDArray[np.uint8]],
        training: Mapping[str, NDArray[np.int64]],
        fraction: float,
        weights: Mapping[str, NDArray[np.float64]],
    ) -> None:
        self._crops, self._training, self._fraction = crops, training, fraction
        self._ends = {name: each.cumsum() for name, each in weights.items()}
        self._statistics: dict[tuple[str, int], NDArray[np.float32]] = {}

    def crop_for(self, name: str, random: np.random.Generator) -> NDArray[np.uint8] | None:
        """Crop of the face that lends one its colours; None for those that keep theirs."""
        borrowed = self._borrowed(name, random)
        return None if borrowed is None else self._crops[borrowed[0]][borrowed[1]]

    def matrix_for(
        self, name: str, crop: NDArray[np.uint8], random: np.random.Generator
    ) -> NDArray[np.float32]:
        """Matrix ``(3, 4)`` that gives a crop the colours of another; the identity for some."""
        borrowed = self._borrowed(name, random)
        if borrowed is None:
            return np.eye(3, 4, dtype=np.float32)
        if borrowed not in self._statistics:
            self._statistics[borrowed] = colour_statistics(self._crops[borrowed[0]][borrowed[1]])
        return transfer_matrix(colour_statistics(crop), self._statistics[borrowed])

    def _borrowed(self, name: str, random: np.random.Generator) -> tuple[str, int] | None:
        """Identity and index of a random face of another identity, or None."""
        chance, other, face = random.random(3)
        if chance >= self._fraction:
            return None
        others = [identity for identity in self._crops if identity != name]
        lender = others[int(other * len(others))]
        faces = self._training[lender]
        even = lender not in self._ends
        place = int(face * len(faces)) if even else weighted_index(self._ends[lender], face)
        return lender, int(faces[place])
