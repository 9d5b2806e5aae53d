"""Outliers: faces that differ from all others of a faceset in a way that is worth a look."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap.curation.measures import Values
from faceswap.people.embeddings import SAME_PERSON


@dataclass(frozen=True)
class _Rule:
    """An unusual value of a measure.

    Attributes:
        measure: Name of the measure.
        reason: Description of what is unusual.
        sign: 1 for values that are too high, -1 for ones that are too low.
        spreads: Distance from the median, in robust standard deviations.
        bound: Value that is unusual at any spread only beyond it.
    """

    measure: str
    reason: str
    sign: int
    spreads: float
    bound: float


# What is usual depends on the footage; what is beyond a bound is never an outlier.
_RULES = (
    _Rule("misfit", "landmarks do not fit a face", 1, 6, 0.08),
    _Rule("score", "low confidence of the detection", -1, 6, 0.6),
    _Rule("sharpness", "blurred", -1, 4, np.inf),
    _Rule("size", "small", -1, 6, np.inf),
    _Rule("exposure", "dark", -1, 6, 0.35),
    _Rule("exposure", "bright", 1, 6, 0.7),
    _Rule("turn", "turned far away", 1, 6, 75),
    _Rule("likeness", "may be another person", -1, 3, SAME_PERSON),
)
_LOGARITHMIC = ("sharpness", "size")
_FEWEST = 20  # faces of a source that show what is usual
_SMALLEST_SPREAD = 0.03  # of logarithms and of numbers from 0 to 1


@dataclass(frozen=True)
class Outlier:
    """A face that differs from the others.

    Attributes:
        face: Index of the face.
        reasons: Descriptions of what is unusual about it.
        severity: Largest distance from the median in robust standard deviations.
    """

    face: int
    reasons: tuple[str, ...]
    severity: float


def find_outliers(values: Mapping[str, Values], sources: NDArray[np.int64]) -> list[Outlier]:
    """Finds faces with unusual values.

    Args:
        values: Values of measures of all faces, by name; measures without a rule are ignored.
        sources: Number of the source of each face, ``(N,)``. Each face is compared with those of
            its source, and with all where these are few.

    Returns:
        Outliers, the most unusual first.
    """
    count = len(next(iter(values.values()), ()))
    reasons: list[list[str]] = [[] for _ in range(count)]
    severity = np.zeros(count)
    for rule in _RULES:
        if rule.measure not in values or not count:
            continue
        spreads = rule.sign * _spreads(values[rule.measure], sources, rule.measure in _LOGARITHMIC)
        beyond = rule.sign * values[rule.measure] > rule.sign * rule.bound
        for face in np.flatnonzero((spreads > rule.spreads) & beyond):
            reasons[face].append(rule.reason)
        severity = np.maximum(severity, np.where(beyond, spreads, 0))
    found = [
        Outlier(face, tuple(why), float(severity[face])) for face, why in enumerate(reasons) if why
    ]
    return sorted(found, key=lambda outlier: -outlier.severity)


def _spreads(values: Values, sources: NDArray[np.int64], logarithmic: bool) -> NDArray[np.float64]:
    """Distances from the median of each source in robust standard deviations."""
    scaled = np.log(np.maximum(values, 1e-6)) if logarithmic else values.astype(np.float64)
    spreads = np.empty(len(scaled))
    for source in np.unique(sources):
        own = sources == source
        usual = scaled[own] if own.sum() >= _FEWEST else scaled
        middle = np.median(usual)
        deviation = 1.4826 * np.median(np.abs(usual - middle))
        spreads[own] = (scaled[own] - middle) / max(float(deviation), _SMALLEST_SPREAD)
    return spreads
