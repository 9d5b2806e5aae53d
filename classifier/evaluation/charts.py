"""Plots of evaluation results."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from classifier.evaluation.pictures import palette
from classifier.evaluation.scoring import ImageScores, Reliability
from faceswap.core.charts import chart_label

_MOST_NUMBERS = 20  # classes up to which the cells of a confusion matrix are annotated
_MOST_NAMES = 40
_MOST_CURVES = 12


def plot_confusion(confusion: NDArray[np.int64], classes: Sequence[str], unit: str) -> Figure:
    """Plot a confusion matrix; the colour is the fraction of the true class (row).

    Args:
        confusion: ``(K, K)`` counts, true classes in rows, predicted ones in columns.
        classes: Class names.
        unit: "images" annotates cells with counts, "pixels" with per cent of the true class.
    """
    count = len(classes)
    side = min(14.0, 2.4 + 0.5 * count)
    figure = Figure((side + 0.8, side), layout="constrained")
    axes = figure.add_subplot()
    fractions = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    image = axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, label="fraction of the true class", shrink=0.8)
    if count <= _MOST_NUMBERS:
        for (row, column), fraction in np.ndenumerate(fractions):
            text = str(confusion[row, column]) if unit == "images" else f"{100 * fraction:.0f}"
            colour = "white" if fraction > 0.55 else "black"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    axes.set(xlabel="predicted", ylabel="true")
    if count <= _MOST_NAMES:
        labels = [chart_label(name) for name in classes]
        axes.set_xticks(range(count), labels, rotation=90 if count > 3 else 0)
        axes.set_yticks(range(count), labels)
    return figure


def plot_reliability(diagram: Reliability) -> Figure:
    """Plot accuracy over confidence; a calibrated network lies on the diagonal."""
    figure = Figure((4.6, 5.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    centres, width = diagram.edges[:-1] + np.diff(diagram.edges) / 2, diagram.edges[1]
    filled = diagram.count > 0
    confidence, accuracy = diagram.confidence[filled], diagram.accuracy[filled]
    upper.plot([0, 1], [0, 1], color="grey", linestyle=":", label="perfect calibration")
    upper.bar(centres[filled], accuracy, 0.92 * width, alpha=0.5, label="accuracy")
    upper.plot(
        confidence, accuracy, "o-", markersize=4, color="C3", label="accuracy at mean confidence"
    )
    upper.set(ylabel="accuracy", xlim=(0, 1), ylim=(0, 1.02))
    upper.legend(loc="upper left", fontsize=8)
    lower.bar(centres, diagram.count, 0.92 * width, color="grey")
    lower.set(xlabel="confidence (probability of the predicted class)", ylabel="images")
    return figure


def plot_roc(scores: ImageScores, classes: Sequence[str]) -> Figure:
    """Plot ROC curves, one class against the rest; of many classes those of lowest AUROC."""
    figure = Figure((5.2, 4.6), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
    support = np.bincount(scores.labels, minlength=len(classes))
    defined = [k for k in range(len(classes)) if 0 < support[k] < len(scores.labels)]
    if len(classes) == 2 and defined:
        defined = [1]  # the curve of the other class is its mirror image
    curves = {label: scores.roc(label) for label in defined}
    area = {label: float(np.trapezoid(true, false)) for label, (false, true) in curves.items()}
    for label in sorted(defined, key=area.__getitem__)[:_MOST_CURVES]:
        name = f"{chart_label(classes[int(label)])} ({area[label]:.3f})"
        axes.plot(*curves[label], label=name, drawstyle="steps-post")
    axes.set(xlabel="false positive rate", ylabel="true positive rate")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    if defined:
        axes.legend(loc="lower right", fontsize=8, title="class (AUROC)")
    return figure


def plot_map(
    points: NDArray[np.floating],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    held_out: NDArray[np.bool_],
    thumbnails: Sequence[NDArray[np.uint8]] = (),
) -> Figure:
    """Plot a two-dimensional projection of embeddings.

    Args:
        points: ``(N, 2)`` points.
        labels: ``(N,)`` labels; -1 for images without one.
        classes: Class names.
        held_out: ``(N,)`` whether an image is outside the training split; plotted with an outline.
        thumbnails: ``(h, w, 3)`` images to plot in place of the points; empty for none.
    """
    figure = Figure((9, 7.5), layout="constrained")
    axes = figure.add_subplot()
    colours = palette(max(1, len(classes))) / 255
    for label in sorted(set(labels.tolist())):
        colour = "grey" if label < 0 else colours[label]
        name = "" if label < 0 or len(classes) > _MOST_NAMES else chart_label(classes[int(label)])
        for outlined, edge in ((False, "none"), (True, "black")):
            chosen = (labels == label) & (held_out == outlined)
            if chosen.any():
                shown = f"{name}, held out" if outlined and name else name
                axes.scatter(
                    *points[chosen].T, s=26, color=colour, edgecolors=edge, linewidths=0.8,
                    label=shown or None,
                )  # fmt: skip
    _plot_thumbnails(axes, points, labels, colours, thumbnails)
    axes.set(xticks=[], yticks=[])
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside right upper", fontsize=8)
    return figure


def _plot_thumbnails(
    axes: Axes,
    points: NDArray[np.floating],
    labels: NDArray[np.int64],
    colours: NDArray[np.floating],
    thumbnails: Sequence[NDArray[np.uint8]],
) -> None:
    for point, label, image in zip(points, labels, thumbnails, strict=False):
        edge = "grey" if label < 0 else tuple(colours[label])
        box = AnnotationBbox(
            OffsetImage(image, zoom=26 / max(image.shape[:2])),
            (float(point[0]), float(point[1])),
            pad=0.12,
            bboxprops={"edgecolor": edge, "linewidth": 1.5},
        )
        axes.add_artist(box)


def plot_curves(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], xlabel: str, ylabel: str
) -> Figure:
    """Plot lines by name, each given as its ``x`` and ``y`` values."""
    figure = Figure((6.2, 4), layout="constrained")
    axes = figure.add_subplot()
    for name, (x, y) in curves.items():
        axes.plot(x, y, marker="o" if len(x) < 3 else None, label=chart_label(name))
    axes.set(xlabel=xlabel, ylabel=ylabel)
    if all(float(value).is_integer() for x, _ in curves.values() for value in x):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    if curves:
        axes.legend(fontsize=8)
    return figure


def plot_bars(values: Mapping[str, tuple[float, float, float]], label: str) -> Figure:
    """Plot bars with error bars: ``(value, low, high)`` in per cent, by name."""
    figure = Figure((6.2, 0.9 + 0.32 * len(values)), layout="constrained")
    axes = figure.add_subplot()
    names = list(values)
    centre = np.array([values[name][0] for name in names])
    ends = np.array([values[name][1:] for name in names])
    axes.barh(np.arange(len(names)), np.nan_to_num(centre), alpha=0.7)
    error = np.abs(np.nan_to_num(ends - centre[:, None])).T
    axes.errorbar(centre, np.arange(len(names)), xerr=error, fmt="none", color="black", capsize=2)
    axes.set_yticks(range(len(names)), [chart_label(name) for name in names])
    axes.set(xlabel=label, xlim=(0, 100))
    axes.invert_yaxis()
    return figure
