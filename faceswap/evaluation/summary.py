"""From the scores of frames to one value per metric."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from faceswap.evaluation.judge import FrameScore, Look
from faceswap.evaluation.metric import METRICS
from faceswap.evaluation.shape import (
    correlation,
    frontal,
    lid_opening,
    mouth_opening,
    movement_error,
)
from faceswap.evaluation.steadiness import flicker, jitter

Pairs = Sequence[tuple[Look, Look]]

_FOLLOWS: dict[str, Callable[[Look], float | None]] = {
    "mouth_follows": lambda look: mouth_opening(look.landmarks.points),
    "lids_follow": lambda look: lid_opening(look.landmarks.points),
    "gaze_follows": lambda look: look.gaze,
}


@dataclass(frozen=True)
class Summary:
    """What a way of swapping is worth over all frames.

    Attributes:
        values: By name of the metric; what could not be measured is absent.
        spread: For what is measured frame by frame, the 10th, 50th and 90th percentile.
        frames: Frames that were judged.
    """

    values: dict[str, float]
    spread: dict[str, tuple[float, float, float]]
    frames: int


def summarise(scores: Sequence[FrameScore]) -> Summary:
    """Means over frames, and what needs several frames at once.

    Frames in which no face is found count in ``face_found`` and in nothing that needs a face.
    """
    columns: dict[str, list[float]] = {}
    for score in scores:
        for name, value in score.values.items():
            columns.setdefault(name, []).append(value)
    values = {name: float(np.mean(column)) for name, column in columns.items()}
    if "background_max" in columns:
        values["background_max"] = max(columns["background_max"])
    values |= _over_time(scores)
    spread = {name: _percentiles(column) for name, column in columns.items()}
    ordered = {name: values[name] for name in METRICS if name in values}
    return Summary(ordered, spread, len(scores))


def _percentiles(column: Sequence[float]) -> tuple[float, float, float]:
    low, middle, high = np.percentile(column, (10, 50, 90))
    return float(low), float(middle), float(high)


def _over_time(scores: Sequence[FrameScore]) -> dict[str, float]:
    pairs = {
        (score.clip, score.index): (score.before, score.after)
        for score in scores
        if score.before is not None and score.after is not None
    }
    looks = list(pairs.values())
    found = {name: follows(looks, name) for name in _FOLLOWS}
    found["movement_error"] = movement_error(
        [frontal(before.landmarks.dense_mesh()) for before, _ in looks],
        [frontal(after.landmarks.dense_mesh()) for _, after in looks],
    )
    found["jitter"] = jitter(
        {moment: before.landmarks.points for moment, (before, _) in pairs.items()},
        {moment: after.landmarks.points for moment, (_, after) in pairs.items()},
    )
    found["flicker"] = flicker(
        {moment: before.colour for moment, (before, _) in pairs.items()},
        {moment: after.colour for moment, (_, after) in pairs.items()},
    )
    return {name: value for name, value in found.items() if value is not None}


def follows(pairs: Pairs, name: str) -> float | None:
    """Correlation of what faces do before and after, where both can be measured."""
    both = [(_FOLLOWS[name](before), _FOLLOWS[name](after)) for before, after in pairs]
    kept = [(a, b) for a, b in both if a is not None and b is not None]
    return correlation([a for a, _ in kept], [b for _, b in kept])


def rank(scores: Sequence[FrameScore]) -> list[FrameScore]:
    """Frames from the best to the worst: by likeness to the target, else by expression.

    Frames in which no face is found any more are the worst.
    """
    seen = [score for score in scores if "expression_error" in score.values]
    unseen = [score for score in scores if "expression_error" not in score.values]
    if all("similarity_target" in score.values for score in seen):
        return sorted(seen, key=lambda score: -score.values["similarity_target"]) + unseen
    return sorted(seen, key=lambda score: score.values["expression_error"]) + unseen
