"""How often each face is sampled: rare poses and expressions more often, blurred faces less."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap.data.traits import FaceTraits

_POSE_BIN = 5.0  # degrees
_OPENING_BINS = (0.02, 0.01)  # face squares, of the mouth and of the eyes
_ROUNDS = 30  # of raking; it converges within ten
_MOST_OFTEN = 8.0  # a face is not sampled more often than this, over the mean
_LEAST_OFTEN = 0.1  # nor less often
_SHARP = 0.75  # quantile of the sharpness from which on faces are sharp


@dataclass(frozen=True)
class Balance:
    """Which faces are sampled more often than others.

    Attributes:
        pose: Balance of yaw and pitch: 0 leaves them as frequent as in the footage, 1 makes all
            that occur equally frequent.
        expression: Balance of the opening of mouth and eyes, 0 to 1.
        sources: Whether all facesets of an identity, and people in them, are equally frequent.
        sharpness: Exponent of the relative sharpness with which faces are less frequent.
        skip_blurred: Fraction of the faces, the least sharp ones, that are never sampled.
    """

    pose: float = 0.0
    expression: float = 0.0
    sources: bool = False
    sharpness: float = 0.0
    skip_blurred: float = 0.0


EVEN = Balance()
"""All faces equally often."""


def face_weights(traits: FaceTraits, balance: Balance) -> NDArray[np.float64]:
    """Mean number of times that each face is sampled in a round of as many samples as faces.

    Args:
        traits: Traits of the training faces of an identity.
        balance: Faces to sample more often.

    Returns:
        ``(N,) float64`` with a mean of 1.
    """
    features = [(column, _POSE_BIN, balance.pose) for column in traits.angles.T] + [
        (column, width, balance.expression)
        for column, width in zip(traits.openings.T, _OPENING_BINS, strict=True)
    ]
    weights = _raked(
        _by_sharpness(traits.sharpness, balance),
        [(_bins(column, width), strength) for column, width, strength in features if strength],
    )
    usual = weights[weights > 0].mean()
    weights = np.where(weights > 0, weights.clip(_LEAST_OFTEN * usual, _MOST_OFTEN * usual), 0)
    if balance.sources:
        # After the limits: a source of ten frames counts as much as one of ten thousand.
        weights /= np.bincount(traits.sources, weights)[traits.sources].clip(1e-12)
    return weights * len(weights) / weights.sum()


def _by_sharpness(sharpness: NDArray[np.float32], balance: Balance) -> NDArray[np.float64]:
    """Weights of faces by their sharpness, ``(N,)`` in [0, 1]."""
    sharp = max(float(np.quantile(sharpness, _SHARP)), 1e-6)
    weights = (sharpness.astype(np.float64) / sharp).clip(0, 1) ** balance.sharpness
    by_sharpness = np.argsort(sharpness, kind="stable")
    weights[by_sharpness[: int(balance.skip_blurred * len(weights))]] = 0
    return weights


def _bins(values: NDArray[np.floating], width: float) -> NDArray[np.int64]:
    """Numbers of the bins that values lie in, from 0, without empty bins."""
    return np.unique(np.floor(values / width), return_inverse=True)[1]


def _raked(
    weights: NDArray[np.float64], features: Sequence[tuple[NDArray[np.int64], float]]
) -> NDArray[np.float64]:
    """Weights that balance the bins of each feature with its strength (Deming and Stephan 1940).

    Each feature by itself: of all combinations, most would hold a face or none.
    """
    factors = np.ones_like(weights)
    for _ in range(_ROUNDS):
        for bins, strength in features:
            usual = np.bincount(bins, weights)
            filled = usual > 0
            wanted = np.where(filled, usual, 1) ** (1 - strength) * filled
            totals = np.where(filled, np.bincount(bins, weights * factors), 1)
            factors *= (wanted / totals)[bins]
        # Within the rounds, so that the others share what a rare face may not have.
        factors *= weights.sum() / (weights * factors).sum()
        factors = factors.clip(_LEAST_OFTEN, _MOST_OFTEN)
    return weights * factors
