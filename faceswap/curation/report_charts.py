"""Charts of a report: poses, distributions of measures, and tracks over time."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from faceswap.core.charts import chart_label
from faceswap.curation.measured_faces import MeasuredFaces

_CELL = 5  # degrees
_BINS = 40
_COLOURS = ("#3b6fb6", "#d1662f")
_MISSING = "#c22f2f"
_TRACKS = 40  # shown in a chart


def pose_chart(sides: Sequence[MeasuredFaces], missing: NDArray[np.bool_] | None = None) -> Figure:
    """Maps of yaw and pitch, one of each side with equal axes and colours.

    Args:
        sides: Faces of A, and of B if there are two.
        missing: Faces of A without a counterpart in pose; they are marked in the map of B.
    """
    figure = Figure(figsize=(5.2 * len(sides), 3.6), layout="constrained")
    yaw, pitch = (
        np.concatenate([side.values[name] for side in sides]) for name in ("yaw", "pitch")
    )
    across, up = _edges(yaw, 45), _edges(pitch, 30)
    counts = [
        np.histogram2d(side.values["pitch"], side.values["yaw"], (up, across))[0] for side in sides
    ]
    norm = LogNorm(1, max(2, *(count.max() for count in counts)))
    drawn = None
    every = np.atleast_1d(figure.subplots(1, len(sides), sharey=True))
    for axes, side, count in zip(every, sides, counts, strict=True):
        drawn = axes.pcolormesh(
            across, up, np.where(count > 0, count, np.nan), norm=norm, cmap="viridis_r"
        )
        _label_pose(axes, chart_label(side.label))
    if missing is not None and missing.any():
        first = sides[0].values
        every[-1].scatter(
            first["yaw"][missing], first["pitch"][missing], s=6, color=_MISSING, rasterized=True,
            label=chart_label(f"{sides[0].label} without counterpart"),
        )  # fmt: skip
        every[-1].legend(fontsize=8, loc="upper right")
    if drawn is not None:
        figure.colorbar(drawn, ax=list(every), label="faces", shrink=0.8, format="{x:,.0f}")
    return figure


def _edges(values: NDArray[np.floating], least: int) -> NDArray[np.float64]:
    reach = max(least, int(np.ceil(np.abs(values).max() / _CELL)) * _CELL)
    return np.arange(-reach - _CELL / 2, reach + _CELL, _CELL)


def _label_pose(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("yaw [°]: image left  ←  →  image right", fontsize=9)
    axes.set_ylabel("pitch [°]: down  ←  →  up", fontsize=9)
    axes.axhline(0, color="grey", linewidth=0.5)
    axes.axvline(0, color="grey", linewidth=0.5)
    axes.set_aspect("equal")


def histogram(sides: Sequence[MeasuredFaces], name: str, title: str) -> Figure:
    """Distribution of a measure, of one or both sides.

    Args:
        sides: Faces of A, and of B if there are two.
        name: Name of the measure.
        title: Title of the axis, with the unit.
    """
    figure = Figure(figsize=(5.2, 2.2))
    axes = figure.subplots()
    values = np.concatenate([side.values[name] for side in sides])
    # A few extreme values would leave one bar for all others.
    low, high = np.percentile(values, (0.2, 99.8))
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    for side, colour in zip(sides, _COLOURS, strict=False):
        own = side.values[name].clip(edges[0], edges[-1])
        axes.hist(
            own, edges, weights=np.full(len(own), 100 / len(own)), color=colour,
            alpha=0.75 if side is sides[0] else 0.5, label=chart_label(side.label),
        )  # fmt: skip
    axes.set_xlabel(title, fontsize=9)
    axes.set_ylabel("% of the faces", fontsize=9)
    axes.tick_params(labelsize=8)
    if len(sides) > 1:
        axes.legend(fontsize=8)
    return figure


def track_chart(spans: Sequence[tuple[str, float, float]]) -> Figure:
    """When tracks are seen.

    Args:
        spans: Name, first and last second of each track; the first 40 are shown.
    """
    shown = spans[:_TRACKS]
    figure = Figure(figsize=(9, 0.6 + 0.18 * len(shown)))
    axes = figure.subplots()
    for row, (_, first, last) in enumerate(shown):
        axes.barh(row, max(last - first, 0.05), left=first, height=0.7, color=_COLOURS[0])
    axes.set_yticks(range(len(shown)), [chart_label(name) for name, _, _ in shown], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel("time [s]", fontsize=9)
    return figure
