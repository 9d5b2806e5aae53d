"""An evaluation: results, what was left out of them and why; as JSON and as lines of text."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import faceswap
from faceswap.evaluation.comparison import Comparison, Result
from faceswap.evaluation.judge import FrameScore
from faceswap.evaluation.metric import FILE, METRICS, RECONSTRUCTION, Metric
from faceswap.evaluation.pose import angles
from faceswap.evaluation.runs import Reconstruction
from faceswap.evaluation.shape import lid_opening, mouth_opening

IDENTITY = ("similarity_target", "similarity_source", "retrieval")
_REASONS = {
    "jitter": "no three frames in a row were judged; raise --frames",
    "flicker": "no three frames in a row were judged; raise --frames",
    "codec_mean": "the frames have nothing that is far from the face",
}
_TOO_FEW = "fewer than 8 frames show what it needs, or nothing moves"


@dataclass(frozen=True)
class LeftOut:
    """Metrics that an evaluation lacks, and why."""

    metrics: tuple[str, ...]
    reason: str


@dataclass
class Evaluation:
    """What is written into a report.

    Attributes:
        title: What was evaluated.
        about: Where it came from, for programs: files, hashes, settings.
        comparisons: Ways of swapping on the same frames; one for each pair of people.
        reconstructions: Held-out faces drawn as themselves.
        file: What is measured once for a file.
        left_out: What could not be measured.
        notes: What a reader should know.
    """

    title: str
    about: dict[str, Any]
    comparisons: list[Comparison]
    reconstructions: list[Reconstruction] = field(default_factory=list)
    file: dict[str, float] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def results(self) -> list[Result]:
        """All ways of swapping in all directions."""
        return [result for comparison in self.comparisons for result in comparison.results]

    def measured(self) -> list[Metric]:
        """The metrics that anything has a value for, in their order."""
        found = {name for result in self.results for name in result.summary.values}
        found |= {name for one in self.reconstructions for name in one.values} | set(self.file)
        return [metric for name, metric in METRICS.items() if name in found]

    def add_left_out(self, known: Sequence[LeftOut]) -> None:
        """Notes what is missing: for reasons that are known, and all else of swapped frames."""
        self.left_out.extend(known)
        have = {metric.name for metric in self.measured()}
        have |= {name for entry in self.left_out for name in entry.metrics}
        # What has no meaning for this kind of evaluation is not missing.
        foreign = (*RECONSTRUCTION, *FILE) if self.file else (*RECONSTRUCTION, *FILE, "codec_mean")
        expected = [name for name in METRICS if name not in foreign]
        missing = [name for name in expected if name not in have]
        for name in missing:
            self.left_out.append(LeftOut((name,), _REASONS.get(name, _TOO_FEW)))


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation as JSON values, frame by frame."""
    return {
        "program": f"faceswap-toolkit {faceswap.__version__}",
        "title": evaluation.title,
        **evaluation.about,
        "metrics": {
            metric.name: {"unit": metric.unit, "better": metric.better, "meaning": metric.meaning}
            for metric in evaluation.measured()
        },
        "left_out": [
            {"metrics": list(entry.metrics), "reason": entry.reason}
            for entry in evaluation.left_out
        ],
        "notes": evaluation.notes,
        "reconstruction": [
            {"run": one.run, "identity": one.identity, "faces": one.faces, "values": one.values}
            for one in evaluation.reconstructions
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
        "percentiles_10_50_90": {name: list(three) for name, three in summary.spread.items()},
        "by_frame": [_frame_json(score) for score in result.scores],
    }


def _frame_json(score: FrameScore) -> dict[str, Any]:
    frame: dict[str, Any] = {"clip": score.clip, "frame": score.index, "values": score.values}
    for name, look in (("before", score.before), ("after", score.after)):
        if look is not None:
            points = look.landmarks.points
            pose = angles(look.landmarks.dense_mesh())
            frame[name] = {
                "pitch": pose.pitch,
                "yaw": pose.yaw,
                "roll": pose.roll,
                "mouth": mouth_opening(points),
                "lids": lid_opening(points),
                "gaze": look.gaze,
            }
    return frame


def lines(evaluation: Evaluation) -> list[str]:
    """A line per metric that says what it means and which direction is good."""
    described = [
        f"{metric.title}{f' [{metric.unit}]' if metric.unit else ''}, {metric.direction}: "
        f"{metric.meaning}"
        for metric in evaluation.measured()
    ]
    return described + missing_lines(evaluation)


def missing_lines(evaluation: Evaluation) -> list[str]:
    """A line for what was left out, with the reason."""
    return [
        f"Left out: {', '.join(METRICS[name].title for name in entry.metrics)}: {entry.reason}."
        for entry in evaluation.left_out
    ]
