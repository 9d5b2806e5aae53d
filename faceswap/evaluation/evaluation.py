"""An evaluation: results and skipped metrics, as JSON and as lines of text."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from faceswap.core.synthetic import TOOL
from faceswap.evaluation.comparison import Comparison, Result
from faceswap.evaluation.frame_scoring import FrameScore
from faceswap.evaluation.metric import FILE_METRICS, METRICS, RECONSTRUCTION_METRICS, Metric
from faceswap.evaluation.runs import Reconstruction
from faceswap.geometry.expression import lid_opening, mouth_opening
from faceswap.geometry.pose import angles

IDENTITY_METRICS = ("similarity_target", "similarity_source", "retrieval", "identity_drift")
_NO_THREE = "no three consecutive frames were evaluated; raise --frames"
_REASONS = {
    "identity_drift": "no consecutive frames were evaluated, or all are equal; raise --frames",
    "jitter": _NO_THREE,
    "jitter_ratio": "no three consecutive frames were evaluated, or the source is still",
    "flicker": _NO_THREE,
    "local_flicker": _NO_THREE,
    "grain": "the frames have no noise around the face, or the face is too small",
    "codec_mean": "no part of the frames is far enough from the face",
}
_TOO_FEW = "fewer than 8 usable frames, or no movement in them"


@dataclass(frozen=True)
class SkippedMetrics:
    """Metrics that could not be measured.

    Attributes:
        metrics: Names of the metrics.
        reason: Reason, without a final period.
    """

    metrics: tuple[str, ...]
    reason: str


@dataclass
class Evaluation:
    """Content of a report.

    Attributes:
        title: Title of the report.
        about: Provenance as JSON values: files, hashes, settings.
        comparisons: Comparison of the methods for each pair of source and target.
        reconstructions: Reconstruction quality for each run and identity.
        file: Values measured once per file, by metric name.
        skipped: Metrics that could not be measured.
        notes: Remarks for the reader, one sentence each.
    """

    title: str
    about: dict[str, Any]
    comparisons: list[Comparison]
    reconstructions: list[Reconstruction] = field(default_factory=list)
    file: dict[str, float] = field(default_factory=dict)
    skipped: list[SkippedMetrics] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def results(self) -> list[Result]:
        """Results of all methods for all pairs of source and target."""
        return [result for comparison in self.comparisons for result in comparison.results]

    def measured_metrics(self) -> list[Metric]:
        """Metrics with at least one value, in display order."""
        found = {name for result in self.results for name in result.summary.values}
        found |= {name for item in self.reconstructions for name in item.values} | set(self.file)
        return [metric for name, metric in METRICS.items() if name in found]

    def add_skipped(self, skipped: Sequence[SkippedMetrics]) -> None:
        """Record skipped metrics; the other metrics without a value get a default reason."""
        self.skipped.extend(skipped)
        named = {metric.name for metric in self.measured_metrics()}
        named |= {name for entry in self.skipped for name in entry.metrics}
        # Metrics that do not apply to this kind of evaluation are not reported as skipped.
        inapplicable = (
            (*RECONSTRUCTION_METRICS, *FILE_METRICS)
            if self.file
            else (*RECONSTRUCTION_METRICS, *FILE_METRICS, "codec_mean")
        )
        expected = [name for name in METRICS if name not in inapplicable]
        missing = [name for name in expected if name not in named]
        by_reason: dict[str, list[str]] = {}
        for name in missing:
            by_reason.setdefault(_REASONS.get(name, _TOO_FEW), []).append(name)
        self.skipped += [SkippedMetrics(tuple(names), why) for why, names in by_reason.items()]


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation as JSON values, with the values of each frame."""
    return {
        "program": TOOL,
        "title": evaluation.title,
        **evaluation.about,
        "metrics": {
            metric.name: {"unit": metric.unit, "better": metric.better, "meaning": metric.meaning}
            for metric in evaluation.measured_metrics()
        },
        "skipped": [
            {"metrics": list(entry.metrics), "reason": entry.reason} for entry in evaluation.skipped
        ],
        "notes": evaluation.notes,
        "reconstruction": [
            {"run": item.run, "identity": item.identity, "faces": item.faces, "values": item.values}
            for item in evaluation.reconstructions
        ],
        "swaps": [_result_json(result) for result in evaluation.results],
        "file": evaluation.file,
    }


def _result_json(result: Result) -> dict[str, Any]:
    summary = result.summary
    return {
        "method": result.method,
        "kind": result.kind,
        "source": result.source,
        "target": result.target,
        "frames": summary.frames,
        "values": summary.values,
        "percentiles_10_50_90": {name: list(three) for name, three in summary.percentiles.items()},
        "by_frame": [_frame_json(score) for score in result.scores],
    }


def _frame_json(score: FrameScore) -> dict[str, Any]:
    frame: dict[str, Any] = {"clip": score.clip, "frame": score.index, "values": score.values}
    for name, seen in (("before", score.before), ("after", score.after)):
        if seen is not None:
            points = seen.landmarks.points
            pose = angles(seen.landmarks.dense_mesh())
            frame[name] = {
                "pitch": pose.pitch,
                "yaw": pose.yaw,
                "roll": pose.roll,
                "mouth_opening": mouth_opening(points),
                "eyelid_opening": lid_opening(points),
                "gaze": seen.gaze,
            }
    return frame


def describe_metrics(evaluation: Evaluation) -> list[str]:
    """A line per measured metric (meaning and direction) and per skipped metric (reason)."""
    described = [
        f"{metric.title}{f' [{metric.unit}]' if metric.unit else ''}, {metric.direction}: "
        f"{metric.meaning}"
        for metric in evaluation.measured_metrics()
    ]
    return described + describe_skipped(evaluation)


def describe_skipped(evaluation: Evaluation) -> list[str]:
    """A line per group of skipped metrics, with the reason."""
    return [
        f"Skipped: {', '.join(METRICS[name].title for name in entry.metrics)}: {entry.reason}."
        for entry in evaluation.skipped
    ]
