"""Style and building blocks of the lessons' figures: a colour-blind-safe palette on white."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, ListedColormap, to_rgb
from matplotlib.figure import Figure, FigureBase, SubFigure
from matplotlib.font_manager import FontProperties
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from faceswap.core.files import atomic_path
from faceswap.core.synthetic import xmp_packet

INK, GREY, PALE = "#1a1a1a", "#6b6b6b", "#e9e9e9"
BLUE, ORANGE, GREEN, PURPLE, SKY = "#0072b2", "#d55e00", "#009e73", "#aa4499", "#56b4e9"
"""Palette of Okabe and Ito (2008); the purple is darker, so that thin lines stay visible."""
CLASSES = (BLUE, ORANGE, GREEN, PURPLE, "#8c6d00", SKY, "#882255", "#44aa99", "#332288", "#777777")
"""Colours of up to ten classes. Plots add a marker or a letter where the class matters."""
MARKERS = ("o", "s", "^", "D")

SIGNED = LinearSegmentedColormap.from_list("signed", [BLUE, "#ffffff", ORANGE]).with_extremes(
    bad="#b9b9b9"
)
"""Diverging colour map: blue below 0, white at 0, orange above; NaN is grey."""

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": PALE,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 2,
    "image.interpolation": "nearest",
    "svg.fonttype": "path",
}
_WIDTH = 8.4
_DPI = 125
_INDENT = 0.012  # of a caption, fraction of the width


def new_figure(height: float) -> Figure:
    """Create a page-wide figure, ``height`` inches high."""
    return Figure(figsize=(_WIDTH, height), layout="constrained", facecolor="white")


def split_figure(
    figure: FigureBase, ratio: float, *, side_by_side: bool = False
) -> tuple[SubFigure, SubFigure]:
    """Split a figure in two; the first one (top or left) is ``ratio`` times as large."""
    if side_by_side:
        first, second = np.asarray(figure.subfigures(1, 2, width_ratios=(ratio, 1))).tolist()
    else:
        first, second = np.asarray(figure.subfigures(2, 1, height_ratios=(ratio, 1))).tolist()
    return first, second


def save_figure(
    figure: Figure, target: Path | IO[bytes], caption: str = "", *, synthetic: bool = False
) -> None:
    """Save a figure as a PNG with 256 palette colours, a third of the size of a true-colour one.

    Args:
        figure: Figure.
        target: Output file, by path or open.
        caption: Text below the figure.
        synthetic: Whether it shows generated faces; the metadata then say so.
    """
    parts = [_pixels(figure)]
    if caption:
        parts.append(_pixels(_below(caption)))
    palette = Image.fromarray(np.concatenate(parts)).quantize(256, dither=Image.Dither.NONE)
    metadata = PngInfo()
    if synthetic:
        metadata.add_itxt("XML:com.adobe.xmp", xmp_packet().decode())
    if isinstance(target, Path):
        with atomic_path(target) as temporary:
            palette.save(temporary, "PNG", optimize=True, pnginfo=metadata)
    else:
        palette.save(target, "PNG", optimize=True, pnginfo=metadata)


def _pixels(figure: Figure) -> NDArray[np.uint8]:
    """``(H, W, 3)`` RGB pixels of a figure."""
    buffer = io.BytesIO()
    with rc_context(STYLE):
        figure.savefig(buffer, dpi=_DPI)
    with Image.open(buffer) as image:
        return np.asarray(image.convert("RGB"))


def _below(caption: str) -> Figure:
    """A caption as a figure of its own: no layout of the plots can collide with it."""
    with rc_context(STYLE):
        # French puts a space before these marks, at which no line may break.
        caption = re.sub(r" (?=[:;?!»])|(?<=«) ", "\N{NO-BREAK SPACE}", caption)
        lines = _wrapped(caption, (1 - 2 * _INDENT) * _WIDTH * _DPI)
        figure = Figure(figsize=(_WIDTH, 0.17 * len(lines) + 0.16), facecolor="white")
        figure.text(_INDENT, 0.97, "\n".join(lines), va="top", color=GREY, linespacing=1.3)
    return figure


def _wrapped(text: str, width: float) -> list[str]:
    """Lines of a text that are at most ``width`` pixels wide in the font of the style."""
    renderer, font = FigureCanvasAgg(Figure(dpi=_DPI)).get_renderer(), FontProperties()
    lines: list[str] = []
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        across, _, _ = renderer.get_text_width_height_descent(longer, font, ismath=False)
        if lines and across > width:
            lines.append(word)
        else:
            lines[-1:] = [longer]
    return lines


def tint(colour: str, strength: float) -> tuple[float, float, float]:
    """Mix a colour with white; ``strength`` 0 is white, 1 is the colour itself."""
    red, green, blue = (1 + strength * (channel - 1) for channel in to_rgb(colour))
    return red, green, blue


def show_image(axes: Axes, image: NDArray[Any], title: str = "", **options: Any) -> None:
    """Show an ``(H, W)`` (grey unless ``cmap`` is given) or ``(H, W, 3)`` image without axes."""
    shown: dict[str, Any] = {"cmap": "gray"} | options
    axes.imshow(image, **shown)
    axes.set_axis_off()
    if title:
        axes.set_title(title, fontsize=9, fontweight="normal", loc="center")


def tile(images: NDArray[Any], columns: int, gap: int = 1, fill: float = 1) -> NDArray[Any]:
    """Arrange ``(N, H, W, ...)`` images in rows; gaps have the value ``fill``."""
    count, height, width = images.shape[:3]
    rows = -(-count // columns)
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, *images.shape[3:])
    sheet = np.full(shape, fill, images.dtype)
    for index, image in enumerate(images):
        y, x = (index // columns) * (height + gap), (index % columns) * (width + gap)
        sheet[y : y + height, x : x + width] = image
    return sheet


def plot_regions(
    axes: Axes,
    classify: Callable[[NDArray[np.float32]], NDArray[np.integer]],
    extent: tuple[float, float, float, float],
    classes: int = 2,
    steps: int = 300,
) -> None:
    """Plot the decision regions of a classifier of points in the plane.

    Args:
        axes: Axes to plot into.
        classify: Classifier, ``(N, 2) float32`` points -> ``(N,)`` class indices.
        extent: Plotted range: x minimum, x maximum, y minimum, y maximum.
        classes: Number of classes.
        steps: Grid points along each axis.
    """
    x, y = np.linspace(*extent[:2], steps), np.linspace(*extent[2:], steps)
    grid = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2).astype(np.float32)
    regions = classify(grid).reshape(steps, steps)
    colours = ListedColormap([tint(colour, 0.22) for colour in CLASSES[:classes]])
    axes.imshow(
        regions,
        extent=extent,
        origin="lower",
        cmap=colours,
        vmin=-0.5,
        vmax=classes - 0.5,
        aspect="auto",
    )
    axes.grid(visible=False)
    axes.set_xlim(*extent[:2])
    axes.set_ylim(*extent[2:])


def plot_points(
    axes: Axes, points: NDArray[Any], labels: NDArray[np.integer], size: float = 22
) -> None:
    """Plot ``(N, 2)`` points with one colour and marker per class."""
    for label in np.unique(labels):
        chosen = points[labels == label]
        axes.scatter(
            chosen[:, 0],
            chosen[:, 1],
            s=size,
            c=CLASSES[label],
            marker=MARKERS[label % len(MARKERS)],
            edgecolors="white",
            linewidths=0.6,
            zorder=3,
        )
