"""Faces of other identities that lend their colours."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from faceswap.data.colour_statistics import colour_statistics, transfer_matrix
from faceswap.data.source import Crops

_MOST_KEPT = 1 << 16  # statistics of faces; a stream has any number of them


class ColourLenders:
    """Chooses random faces of other identities, and measures their colours.

    Args:
        crops: Crops of each identity.
        choose: Function from an identity, a step and a random number in [0, 1) to the index of the
            face that the number chooses.
        fraction: Fraction of faces that take the colours of another.
    """

    def __init__(
        self,
        crops: Mapping[str, Crops],
        choose: Callable[[str, int, float], int],
        fraction: float,
    ) -> None:
        self._crops, self._choose, self._fraction = crops, choose, fraction
        self._statistics: dict[tuple[str, int], NDArray[np.float32]] = {}

    def crop_for(
        self, name: str, step: int, random: np.random.Generator
    ) -> NDArray[np.uint8] | None:
        """Crop of the face that lends one its colours; None for those that keep theirs."""
        borrowed = self._borrowed(name, step, random)
        return None if borrowed is None else self._crops[borrowed[0]][borrowed[1]]

    def matrix_for(
        self, name: str, step: int, crop: NDArray[np.uint8], random: np.random.Generator
    ) -> NDArray[np.float32]:
        """Matrix ``(3, 4)`` that gives a crop the colours of another; the identity for some."""
        borrowed = self._borrowed(name, step, random)
        if borrowed is None:
            return np.eye(3, 4, dtype=np.float32)
        if borrowed not in self._statistics:
            if len(self._statistics) >= _MOST_KEPT:
                self._statistics.clear()
            self._statistics[borrowed] = colour_statistics(self._crops[borrowed[0]][borrowed[1]])
        return transfer_matrix(colour_statistics(crop), self._statistics[borrowed])

    def _borrowed(
        self, name: str, step: int, random: np.random.Generator
    ) -> tuple[str, int] | None:
        """Identity and index of a random face of another identity, or None."""
        chance, other, face = random.random(3)
        if chance >= self._fraction:
            return None
        others = [identity for identity in self._crops if identity != name]
        lender = others[int(other * len(others))]
        return lender, self._choose(lender, step, face)
