"""Example pictures, plots and a side-by-side clip of an evaluation."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from faceswap.core.charts import chart_label
from faceswap.core.fonts import drawable_names
from faceswap.core.held_file import Signer
from faceswap.core.text import printable
from faceswap.evaluation.comparison import Comparison, Result
from faceswap.evaluation.frame_scoring import FrameScore, Image, Observation
from faceswap.evaluation.summary import rank
from faceswap.geometry.expression import mouth_opening
from faceswap.geometry.pose import angles
from faceswap.media.captions import titled
from faceswap.media.encoders import VideoEncoding
from faceswap.media.images import write_image
from faceswap.media.video import VideoInfo
from faceswap.media.writer import VideoWriter
from faceswap.provenance.identity import SigningIdentity
from faceswap.provenance.manifest import Conversion
from faceswap.provenance.metadata import SYNTHETIC, xmp_packet
from faceswap.provenance.signing import ManifestSigner

_FPS = 12  # slowed down: the clip consists of blocks of a few frames
_MAX_FRAMES = 240
_QUALITY = 90  # of JPEG


def examples(comparison: Comparison) -> list[tuple[str, Image]]:
    """The best, median and worst frame of the first method, beside the other methods.

    Returns:
        Captions and image rows ``(H, W, 3) uint8 RGB``: source, then every method.
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
    texts = [f"{name} of {result.method}: frame {score.index} of {score.clip}"]
    if "similarity_target" in values:
        texts.append(f"similarity to target {values['similarity_target']:.2f}")
        texts.append(f"similarity to source {values['similarity_source']:.2f}")
    if "expression_error" in values:
        texts.append(f"expression {values['expression_error']:.3f}")
    if "sharpness" in values:
        texts.append(f"sharpness {values['sharpness']:.2f}")
    if "grain" in values:
        texts.append(f"grain {values['grain']:.2f}")
    if score.after is None:
        texts.append("no face detected")
    return ", ".join(texts)


def _row(comparison: Comparison, score: FrameScore) -> Image:
    number = [(s.clip, s.index) for s in comparison.originals].index((score.clip, score.index))
    tiles = [titled(_decoded(comparison.originals[number].picture), "source")]
    methods = drawable_names([result.method for result in comparison.results])
    tiles += [
        titled(_decoded(result.scores[number].picture), method)
        for method, result in zip(methods, comparison.results, strict=True)
    ]
    return np.concatenate(tiles, axis=1)


def _decoded(jpeg: bytes) -> Image:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def write_picture(
    image: Image, path: Path, comparison: Comparison, identity: SigningIdentity
) -> None:
    """Write a picture of a comparison as JPEG, signed.

    Args:
        image: Picture, ``(H, W, 3) uint8 RGB``.
        path: Output file.
        comparison: Comparison that the picture is from.
        identity: Signing identity.

    Raises:
        ProvenanceError: The picture cannot be signed.
        StorageFullError: The disk is full.
    """
    sign = _signer(comparison, identity)
    write_image(path, image, _QUALITY, xmp=xmp_packet(), sign=sign)


def _signer(comparison: Comparison, identity: SigningIdentity) -> Signer:
    methods = [printable(result.method) for result in comparison.results]
    targets = [target for target in {r.target: None for r in comparison.results} if target]
    return ManifestSigner(identity, Conversion({"methods": methods}, targets, {})).for_sources()


def write_clip(comparison: Comparison, path: Path, identity: SigningIdentity) -> int:
    """Write source and all methods side by side, signed: frames above, head crops below.

    Args:
        comparison: Judged frames of every method.
        path: Output file.
        identity: Signing identity.

    Returns:
        Number of frames written.

    Raises:
        ProvenanceError: The clip cannot be signed.
        StorageFullError: The disk is full.
    """
    columns = [("source", comparison.originals)]
    methods = drawable_names([result.method for result in comparison.results])
    columns += [
        (method, list(result.scores))
        for method, result in zip(methods, comparison.results, strict=True)
    ]
    first = _tile(columns, 0)
    height, width = first.shape[:2]
    count = min(len(comparison.originals), _MAX_FRAMES)
    # H.264 with default settings plays in every browser.
    info = VideoInfo.for_new(width, height, _FPS)
    sign = _signer(comparison, identity)
    with VideoWriter(
        path, info, encoding=VideoEncoding(crf=23), metadata=SYNTHETIC, sign=sign
    ) as writer:
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


def plot_figures(comparison: Comparison) -> list[tuple[str, Figure]]:
    """Captions and figures: identity similarity by frame; pose and mouth, output against source."""
    figures = []
    if any("similarity_target" in result.summary.values for result in comparison.results):
        figures.append(("Identity similarity by frame: solid to the target, dotted to the source.",
                      _plot_identity(comparison.results)))  # fmt: skip
    results = [result for result in comparison.results if result.method != "unswapped"]
    measures: dict[str, Callable[[Observation], float]] = {
        "pitch [°]": lambda seen: angles(seen.landmarks.dense_mesh()).pitch,
        "yaw [°]": lambda seen: angles(seen.landmarks.dense_mesh()).yaw,
        "roll [°]": lambda seen: angles(seen.landmarks.dense_mesh()).roll,
        "mouth opening": lambda seen: mouth_opening(seen.landmarks.points),
    }
    figure = Figure(figsize=(11, 3), layout="tight")
    for position, (name, measure) in enumerate(measures.items(), start=1):
        _plot_scatter(figure.add_subplot(1, 4, position), results, name, measure)
    figures.append(
        ("Output (vertical) against source (horizontal); points on the line are unchanged.", figure)
    )
    return figures


def _plot_identity(results: Sequence[Result]) -> Figure:
    figure = Figure(figsize=(11, 3))
    axes = figure.add_subplot()
    for number, result in enumerate(results):
        scores = [score for score in result.scores if "similarity_target" in score.values]
        positions = range(len(scores))
        colour = f"C{number}"
        targets = [score.values["similarity_target"] for score in scores]
        sources = [score.values["similarity_source"] for score in scores]
        axes.plot(positions, targets, color=colour, label=chart_label(result.method))
        axes.plot(positions, sources, color=colour, linestyle=":", linewidth=1)
    axes.set_xlabel("evaluated frame")
    axes.set_ylabel("cosine similarity")
    axes.set_ylim(-0.2, 1.05)
    axes.legend(fontsize=8)
    return figure


def _plot_scatter(
    axes: Axes, results: Sequence[Result], name: str, measure: Callable[[Observation], float]
) -> None:
    values: list[float] = []
    for result in results:
        pairs = [
            (measure(score.before), measure(score.after))
            for score in result.scores
            if score.before is not None and score.after is not None
        ]
        axes.scatter(
            [a for a, _ in pairs], [b for _, b in pairs], s=6, label=chart_label(result.method)
        )
        values += [value for pair in pairs for value in pair]
    if values:
        ends = [min(values), max(values)]
        axes.plot(ends, ends, color="grey", linewidth=0.8)
    axes.set_title(name, fontsize=9)
    axes.tick_params(labelsize=7)
    if results:
        axes.legend(fontsize=6)
