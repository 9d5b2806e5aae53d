"""A small window slides over an image: the sum of products at each place, and edges of a photo."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from skimage import data
from torch.nn import functional as F

from classifier.lessons.figure import (
    BLUE,
    INK,
    ORANGE,
    SIGNED,
    new_figure,
    show_image,
    tint,
    two_parts,
)
from classifier.lessons.lesson import Lesson

IMAGE = np.array(
    [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]]
)
KERNEL = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]])
SOBEL_X = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
SOBEL_Y = SOBEL_X.T


@dataclass(frozen=True)
class Convolutions:
    """Results of sliding windows.

    Attributes:
        example: ``(3, 3)`` what the 3 x 3 kernel gives on the 5 x 5 image.
        photo: ``(H, W) uint8``.
        across: ``(H - 2, W - 2)`` answer to changes from left to right (Sobel, 1968).
        down: The same from top to bottom.
        edges: Length of the two answers together, however the edge runs.
        weights: Numbers in one kernel, and in a dense layer with as many outputs.
    """

    example: NDArray[np.int64]
    photo: NDArray[np.uint8]
    across: NDArray[np.float64]
    down: NDArray[np.float64]
    edges: NDArray[np.float64]
    weights: tuple[int, int]


def slide(image: NDArray[np.generic], kernel: NDArray[np.generic]) -> NDArray[np.float64]:
    """What a convolution layer computes: ``(H, W)`` and ``(h, w)`` -> ``(H - h + 1, W - w + 1)``.

    The kernel is not mirrored, as in all of deep learning; mathematicians call it correlation.
    """
    plane, weight = (
        torch.from_numpy(part.astype(np.float64))[None, None] for part in (image, kernel)
    )
    return F.conv2d(plane, weight)[0, 0].numpy()


def compute(side: int = 192) -> Convolutions:
    """Slides over the small image, and over scikit-image's photo of a cameraman (CC0)."""
    photo = cv2.resize(data.camera(), (side, side), interpolation=cv2.INTER_AREA)
    across, down = slide(photo, SOBEL_X), slide(photo, SOBEL_Y)
    return Convolutions(
        slide(IMAGE, KERNEL).round().astype(np.int64),
        np.asarray(photo, np.uint8),
        across,
        down,
        np.hypot(across, down),
        (SOBEL_X.size, photo.size * across.size),
    )


def describe(result: Convolutions) -> list[str]:
    """The first sum written out, and the cost of one kernel against a dense layer."""
    window = IMAGE[:3, :3]
    products = " + ".join(
        f"{a}*{b}" for a, b in zip(window.ravel(), KERNEL.ravel(), strict=True) if b
    )
    rows = "; ".join(" ".join(map(str, row)) for row in result.example)
    kernel, dense = result.weights
    height, width = result.photo.shape
    return [
        f"First position: {products} = {result.example[0, 0]} (where the kernel is 0 nothing adds)",
        f"All nine positions: {rows}",
        f"Photo {width}x{height}, Sobel: answers from {result.across.min():.0f} to "
        f"{result.across.max():.0f}; strongest edge {result.edges.max():.0f}",
        f"One kernel has {kernel} weights; a dense layer with as many outputs {dense:,}.",
    ]


def draw(result: Convolutions) -> Figure:
    """The example as numbers above, the photo and its edges below."""
    figure = new_figure(5.0)
    above, below = two_parts(figure, 1.15)
    image, kernel, answer = above.subplots(1, 3, width_ratios=(5, 4, 4))
    _draw_numbers(image, IMAGE, "Image and window")
    image.add_patch(Rectangle((-0.5, -0.5), 3, 3, fill=False, edgecolor=ORANGE, linewidth=3))
    for (row, column), value in np.ndenumerate(KERNEL):
        image.text(column + 0.36, row + 0.4, f"×{value}", color=ORANGE, fontsize=7.5, ha="right")
    _draw_numbers(kernel, KERNEL, "Kernel")
    kernel.text(-1.2, 1, "×", ha="center", va="center", fontsize=20)
    _draw_numbers(answer, result.example, "Sums of products")
    answer.text(-1.2, 1, "=", ha="center", va="center", fontsize=20)
    answer.add_patch(Rectangle((-0.5, -0.5), 1, 1, fill=False, edgecolor=ORANGE, linewidth=3))
    photo, across, down, edges = below.subplots(1, 4)
    show_image(photo, result.photo, "Photo")
    top = float(np.percentile(result.edges, 99.5))
    signed = {"cmap": SIGNED, "vmin": -top, "vmax": top}
    show_image(across, result.across, "Brighter to the right", **signed)
    show_image(down, result.down, "Brighter downwards", **signed)
    show_image(edges, result.edges, "Edges of any direction", cmap="gray_r", vmin=0, vmax=top)
    return figure


def _draw_numbers(axes: Axes, numbers: NDArray[np.int64], title: str) -> None:
    rows, columns = numbers.shape
    for (row, column), value in np.ndenumerate(numbers):
        colour = tint(BLUE, 0.16 * min(value, 4)) if value else (1, 1, 1)
        axes.add_patch(
            Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=colour, edgecolor="#b5b5b5")
        )
        axes.text(column, row, str(value), ha="center", va="center", fontsize=13, color=INK)
    # All three are drawn five cells high, so that a cell is as large in each.
    above = (5 - rows) / 2
    axes.set(xlim=(-0.6, columns - 0.4), ylim=(rows + above - 0.4, -above - 0.6), aspect="equal")
    axes.set_axis_off()
    axes.text((columns - 1) / 2, -0.75, title, ha="center", va="bottom", fontweight="bold")


LESSON = Lesson(
    "convolution",
    "A 3x3 window slides over an image; the same with an edge filter on a photo.",
    compute,
    describe,
    draw,
)
