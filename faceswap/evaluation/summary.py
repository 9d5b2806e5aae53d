"""Aggregates frame scores to one value per metric."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from faceswap.evaluation.consecutive import FrameKey
from faceswap.evaluation.drift import identity_drift
from faceswap.evaluation.frame_scoring import FrameScore, Observation
from faceswap.evaluation.jitter import flicker, jitter, jitter_ratio
from faceswap.evaluation.local_flicker import local_flicker
from faceswap.evaluation.metric import METRICS
from faceswap.geometry.expression import (
    correlation,
    frontal,
    lid_opening,
    mouth_opening,
    movement_error,
)

Pairs = Sequence[tuple[Observation, Observation]]

_CORRELATED: dict[str, Callable[[Observation], float | None]] = {
    "mouth_correlation": lambda seen: mouth_opening(seen.landmarks.points),
    "eyelid_correlation": lambda seen: lid_opening(seen.landmarks.points),
    "gaze_correlation": lambda seen: seen.gaze,
}


@dataclass(frozen=True)
class Summary:
    """Aggregate scores of a method.

    Attributes:
        values: Value by metric name; metrics that could not be measured are absent.
        percentiles: 10th, 50th and 90th percentile of each metric measured per frame.
        frames: Number of evaluated frames.
    """

    values: dict[str, float]
    percentiles: dict[str, tuple[float, float, float]]
    frames: int


def summarise(scores: Sequence[FrameScore]) -> Summary:
    """Aggregate over frames, and compute the metrics that need several frames.

    Frames without a detected face count in ``face_found`` and in no metric that needs a face.
    """
    columns: dict[str, list[float]] = {}
    for score in scores:
        for name, value in score.values.items():
            columns.setdefault(name, []).append(value)
    values = {name: float(np.mean(column)) for name, column in columns.items()}
    if "background_max" in columns:
        values["background_max"] = max(columns["background_max"])
    values |= _temporal_values(scores)
    percentiles = {name: _percentiles(column) for name, column in columns.items()}
    ordered = {name: values[name] for name in METRICS if name in values}
    return Summary(ordered, percentiles, len(scores))


def _percentiles(column: Sequence[float]) -> tuple[float, float, float]:
    low, middle, high = np.percentile(column, (10, 50, 90))
    return float(low), float(middle), float(high)


def _temporal_values(scores: Sequence[FrameScore]) -> dict[str, float]:
    observed: list[tuple[Observation, Observation]] = []
    pairs: dict[FrameKey, tuple[Observation, Observation]] = {}  # of videos
    for score in scores:
        if score.before is not None and score.after is not None:
            observed.append((score.before, score.after))
            if not score.photo:
                pairs[score.clip, score.index] = observed[-1]
    found = {name: observation_correlation(observed, name) for name in _CORRELATED}
    found["movement_error"] = movement_error(
        [frontal(before.landmarks.dense_mesh()) for before, _ in observed],
        [frontal(after.landmarks.dense_mesh()) for _, after in observed],
    )
    points = (
        {frame: before.landmarks.points for frame, (before, _) in pairs.items()},
        {frame: after.landmarks.points for frame, (_, after) in pairs.items()},
    )
    found["jitter"] = jitter(*points)
    found["jitter_ratio"] = jitter_ratio(*points)
    found["flicker"] = flicker(
        {frame: before.colour for frame, (before, _) in pairs.items()},
        {frame: after.colour for frame, (_, after) in pairs.items()},
    )
    found["local_flicker"] = local_flicker(
        {
            (score.clip, score.index): score.change
            for score in scores
            if score.change is not None and not score.photo
        }
    )
    embeddings = {
        frame: (before.embedding, after.embedding)
        for frame, (before, after) in pairs.items()
        if before.embedding is not None and after.embedding is not None
    }
    found["identity_drift"] = identity_drift(
        {frame: before for frame, (before, _) in embeddings.items()},
        {frame: after for frame, (_, after) in embeddings.items()},
    )
    return {name: value for name, value in found.items() if value is not None}


def observation_correlation(pairs: Pairs, name: str) -> float | None:
    """Correlation between source and output over the frames in which both can be measured."""
    both = [(_CORRELATED[name](before), _CORRELATED[name](after)) for before, after in pairs]
    complete = [(a, b) for a, b in both if a is not None and b is not None]
    return correlation([a for a, _ in complete], [b for _, b in complete])


def rank(scores: Sequence[FrameScore]) -> list[FrameScore]:
    """Frames from best to worst, by similarity to the target or else by expression error.

    Frames without a detected face come last.
    """
    detected = [score for score in scores if "expression_error" in score.values]
    missing = [score for score in scores if "expression_error" not in score.values]
    if all("similarity_target" in score.values for score in detected):
        return sorted(detected, key=lambda score: -score.values["similarity_target"]) + missing
    return sorted(detected, key=lambda score: score.values["expression_error"]) + missing
