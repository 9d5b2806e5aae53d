"""Pictures, plots and a clip of an evaluation."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from faceswap.evaluation.comparison import Comparison, Result
from faceswap.evaluation.judge import FrameScore, Image, Look
from faceswap.evaluation.pose import angles
from faceswap.evaluation.shape import mouth_opening
from faceswap.evaluation.summary import rank
from faceswap.media.captions import titled
from faceswap.media.video import VideoInfo
from faceswap.media.writer import VideoWriter
from faceswap.provenance.metadata import SYNTHETIC

_FPS = 12  # slower than life: these are blocks of a few frames
_MOST = 240  # frames of the clip


def examples(comparison: Comparison) -> list[tuple[str, Image]]:
    """The best, the median and the worst frame of the first method, each beside all others.

    Returns:
        Captions, and rows of pictures ``(H, W, 3) uint8 RGB``: source, then every method.
    """
    first = comparison.results[0]
    ranked = rank(first.scores)
    if not ranked:
        return []
    chosen = {"best": ranked[0], "median": ranked[len(ranked) // 2], "worst": ranked[-1]}
    return [
        (_caption(name, first, score), _row(comparison, score)) for name, score in chosen.items()
    ]


def _caption(name: str, result: Result, score: FrameScore) -> str:
    values = score.values
    told = [f"{name} of {result.method}: frame {score.index} of {score.clip}"]
    if "similarity_target" in values:
        told.append(f"like target {values['similarity_target']:.2f}")
        told.append(f"like source {values['similarity_source']:.2f}")
    if "expression_error" in values:
        told.append(f"expression {values['expression_error']:.3f}")
    if score.after is None:
        told.append("no face is found")
    return ", ".join(told)


def _row(comparison: Comparison, score: FrameScore) -> Image:
    place = [(s.clip, s.index) for s in comparison.originals].index((score.clip, score.index))
    tiles = [titled(_decoded(comparison.originals[place].picture), "source")]
    tiles += [
        titled(_decoded(result.scores[place].picture), result.method)
        for result in comparison.results
    ]
    return np.concatenate(tiles, axis=1)


def _decoded(jpeg: bytes) -> Image:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def write_clip(comparison: Comparison, path: Path) -> int:
    """Writes source and all methods side by side, whole frames above, heads below.

    Returns:
        The number of frames.

    Raises:
        StorageFullError: The disk is full.
    """
    columns = [("source", comparison.originals)]
    columns += [(result.method, list(result.scores)) for result in comparison.results]
    first = _tile(columns, 0)
    height, width = first.shape[:2]
    count = min(len(comparison.originals), _MOST)
    # Plain settings, so that every browser plays it.
    info = VideoInfo.for_new(width, height, _FPS)
    with VideoWriter(path, info, crf=23, metadata=SYNTHETIC) as writer:
        for number in range(count):
            writer.write(_tile(columns, number), number)
    return count


def _tile(columns: Sequence[tuple[str, Sequence[FrameScore]]], number: int) -> Image:
    tiles = []
    for name, scores in columns:
        whole = titled(_decoded(scores[number].frame), name)
        head = _decoded(scores[number].picture)
        side = whole.shape[1]
        head = cv2.resize(head, (side, side), interpolation=cv2.INTER_CUBIC)
        tiles.append(np.concatenate([whole, np.asarray(head, np.uint8)], axis=0))
    image = np.concatenate(tiles, axis=1)
    return image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]


def plots(comparison: Comparison) -> list[tuple[str, Figure]]:
    """Captions and figures: identity by frame, pose and mouth after against before."""
    found = []
    if any("similarity_target" in result.summary.values for result in comparison.results):
        found.append(("Likeness by frame: full line to the target, dotted to the source.",
                      _identity(comparison.results)))  # fmt: skip
    judged = [result for result in comparison.results if result.method != "unswapped"]
    measures: dict[str, Callable[[Look], float]] = {
        "pitch [°]": lambda look: angles(look.landmarks.dense_mesh()).pitch,
        "yaw [°]": lambda look: angles(look.landmarks.dense_mesh()).yaw,
        "roll [°]": lambda look: angles(look.landmarks.dense_mesh()).roll,
        "mouth opening": lambda look: mouth_opening(look.landmarks.points),
    }
    figure = Figure(figsize=(11, 3))
    for place, (name, measure) in enumerate(measures.items(), start=1):
        _scatter(figure.add_subplot(1, 4, place), judged, name, measure)
    figure.tight_layout()
    found.append(("After (upwards) against before; on the line nothing changed.", figure))
    return found


def _identity(results: Sequence[Result]) -> Figure:
    figure = Figure(figsize=(11, 3))
    axes = figure.add_subplot()
    for number, result in enumerate(results):
        scores = [score for score in result.scores if "similarity_target" in score.values]
        places = range(len(scores))
        colour = f"C{number}"
        targets = [score.values["similarity_target"] for score in scores]
        sources = [score.values["similarity_source"] for score in scores]
        axes.plot(places, targets, color=colour, label=result.method)
        axes.plot(places, sources, color=colour, linestyle=":", linewidth=1)
    axes.set_xlabel("judged frame")
    axes.set_ylabel("cosine")
    axes.set_ylim(-0.2, 1.05)
    axes.legend(fontsize=8)
    return figure


def _scatter(
    axes: Axes, results: Sequence[Result], name: str, measure: Callable[[Look], float]
) -> None:
    everything: list[float] = []
    for result in results:
        pairs = [
            (measure(score.before), measure(score.after))
            for score in result.scores
            if score.before is not None and score.after is not None
        ]
        axes.scatter([a for a, _ in pairs], [b for _, b in pairs], s=6, label=result.method)
        everything += [value for pair in pairs for value in pair]
    if everything:
        ends = [min(everything), max(everything)]
        axes.plot(ends, ends, color="grey", linewidth=0.8)
    axes.set_title(name, fontsize=9)
    axes.tick_params(labelsize=7)
    if results:
        axes.legend(fontsize=6)
