"""Figures about classifiers."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from classifier.evaluation.pictures import palette
from classifier.evaluation.scoring import ImageScores, Reliability
from faceswap.core.files import atomic_path

_MOST_NUMBERS = 20  # classes up to which a confusion matrix has its numbers written in
_MOST_NAMES = 40
_MOST_CURVES = 12


def confusion_chart(confusion: NDArray[np.int64], classes: Sequence[str], unit: str) -> Figure:
    """A confusion matrix, each row shaded by its shares.

    Args:
        confusion: ``(K, K)``, true classes in rows.
        classes: Names.
        unit: "images", whose numbers are written in, or "pixels", whose shares are.
    """
    count = len(classes)
    side = min(14.0, 2.4 + 0.5 * count)
    figure = Figure((side + 0.8, side), layout="constrained")
    axes = figure.add_subplot()
    shares = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    shaded = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(shaded, ax=axes, label="share of the true class", shrink=0.8)
    if count <= _MOST_NUMBERS:
        for (row, column), share in np.ndenumerate(shares):
            text = str(confusion[row, column]) if unit == "images" else f"{100 * share:.0f}"
            colour = "white" if share > 0.55 else "black"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    axes.set(xlabel="predicted", ylabel="true")
    if count <= _MOST_NAMES:
        axes.set_xticks(range(count), classes, rotation=90 if count > 3 else 0)
        axes.set_yticks(range(count), classes)
    return figure


def reliability_chart(diagram: Reliability) -> Figure:
    """Accuracy over confidence; on the diagonal a network says how sure it may be."""
    figure = Figure((4.6, 5.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    middles, width = diagram.edges[:-1] + np.diff(diagram.edges) / 2, diagram.edges[1]
    full = diagram.count > 0
    upper.plot([0, 1], [0, 1], color="grey", linestyle=":", label="calibrated")
    upper.bar(middles[full], diagram.accuracy[full], 0.92 * width, alpha=0.5, label="accuracy")
    upper.plot(diagram.confidence[full], diagram.accuracy[full], "o-", markersize=4, color="C3")
    upper.set(ylabel="share that is right", xlim=(0, 1), ylim=(0, 1.02))
    upper.legend(loc="upper left")
    lower.bar(middles, diagram.count, 0.92 * width, color="grey")
    lower.set(xlabel="probability of the predicted class", ylabel="images")
    return figure


def roc_chart(scores: ImageScores, classes: Sequence[str]) -> Figure:
    """Receiver operating characteristic; of many classes the least certain ones."""
    figure = Figure((5.2, 4.6), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
    support = np.bincount(scores.labels, minlength=len(classes))
    known = [k for k in range(len(classes)) if 0 < support[k] < len(scores.labels)]
    if len(classes) == 2 and known:
        known = [1]  # the other class gives the same curve, turned round
    curves = {label: scores.roc(label) for label in known}
    area = {label: float(np.trapezoid(true, false)) for label, (false, true) in curves.items()}
    for label in sorted(known, key=area.__getitem__)[:_MOST_CURVES]:
        name = f"{classes[label]} ({area[label]:.3f})"
        axes.plot(*curves[label], label=name, drawstyle="steps-post")
    axes.set(xlabel="false positive rate", ylabel="true positive rate")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    if known:
        axes.legend(loc="lower right", fontsize=8, title="class (area)")
    return figure


def map_chart(
    points: NDArray[np.floating],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    marks: NDArray[np.bool_],
    thumbnails: Sequence[NDArray[np.uint8]] = (),
) -> Figure:
    """A map of images by what a network makes of them.

    Args:
        points: ``(N, 2)``.
        labels: ``(N,)`` class of each; -1 for none.
        classes: Names.
        marks: ``(N,)``: those drawn with a rim, which are kept aside.
        thumbnails: Pictures to draw instead of dots, ``(h, w, 3)`` each; or none.
    """
    figure = Figure((9, 7.5), layout="constrained")
    axes = figure.add_subplot()
    colours = palette(max(1, len(classes))) / 255
    for label in sorted(set(labels.tolist())):
        colour = "grey" if label < 0 else colours[label]
        name = "" if label < 0 or len(classes) > _MOST_NAMES else classes[label]
        for kept, rim in ((False, "none"), (True, "black")):
            chosen = (labels == label) & (marks == kept)
            if chosen.any():
                shown = f"{name}, kept aside" if kept and name else name
                axes.scatter(
                    *points[chosen].T, s=26, color=colour, edgecolors=rim, linewidths=0.8,
                    label=shown or None,
                )  # fmt: skip
    _draw_thumbnails(axes, points, labels, colours, thumbnails)
    axes.set(xticks=[], yticks=[])
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside right upper", fontsize=8)
    return figure


def _draw_thumbnails(
    axes: Axes,
    points: NDArray[np.floating],
    labels: NDArray[np.int64],
    colours: NDArray[np.floating],
    thumbnails: Sequence[NDArray[np.uint8]],
) -> None:
    for point, label, picture in zip(points, labels, thumbnails, strict=False):
        rim = "grey" if label < 0 else tuple(colours[label])
        box = AnnotationBbox(
            OffsetImage(picture, zoom=26 / max(picture.shape[:2])),
            (float(point[0]), float(point[1])),
            pad=0.12,
            bboxprops={"edgecolor": rim, "linewidth": 1.5},
        )
        axes.add_artist(box)


def curves_chart(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], across: str, up: str
) -> Figure:
    """Lines by name, each from its ``x`` and ``y``."""
    figure = Figure((6.2, 4), layout="constrained")
    axes = figure.add_subplot()
    for name, (x, y) in curves.items():
        axes.plot(x, y, marker="o" if len(x) < 3 else None, label=name)
    axes.set(xlabel=across, ylabel=up)
    if all(float(place).is_integer() for x, _ in curves.values() for place in x):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    if curves:
        axes.legend(fontsize=8)
    return figure


def bar_chart(values: Mapping[str, tuple[float, float, float]], label: str) -> Figure:
    """Numbers with their intervals, by name: ``(value, low, high)`` in per cent."""
    figure = Figure((6.2, 0.9 + 0.32 * len(values)), layout="constrained")
    axes = figure.add_subplot()
    names = list(values)
    middle = np.array([values[name][0] for name in names])
    ends = np.array([values[name][1:] for name in names])
    known = np.isfinite(middle)
    axes.barh(np.arange(len(names)), np.where(known, middle, 0), alpha=0.7)
    error = np.abs(np.nan_to_num(ends - middle[:, None])).T
    axes.errorbar(middle, np.arange(len(names)), xerr=error, fmt="none", color="black", capsize=2)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel=label, xlim=(0, 100))
    axes.invert_yaxis()
    return figure


def write_chart(path: Path, figure: Figure) -> None:
    """Writes a figure as PNG, complete or not at all."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150, format="png")
