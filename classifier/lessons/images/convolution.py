"""Convolution: a small example in numbers, and edge filters on a photo."""

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
    split_figure,
    tint,
)
from classifier.lessons.language import Text, say
from classifier.lessons.lesson import Lesson

IMAGE = np.array(
    [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]]
)
KERNEL = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]])
SOBEL_X = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
SOBEL_Y = SOBEL_X.T
EDGES = np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]])
"""Eight times a pixel minus its eight neighbours: the weights sum to 0."""


@dataclass(frozen=True)
class Convolutions:
    """Results of convolutions.

    Attributes:
        example: ``(3, 3)`` convolution of the 5 x 5 example image with the 3 x 3 kernel.
        photo: ``(H, W) uint8`` grey photo.
        gradient_x: ``(H - 2, W - 2)`` horizontal Sobel filter response (Sobel, 1968).
        gradient_y: ``(H - 2, W - 2)`` vertical Sobel filter response.
        magnitude: ``(H - 2, W - 2)`` gradient magnitude, independent of the edge's direction.
        edges: ``(H - 2, W - 2)`` response of the edge filter.
        flat: Response of the edge filter on an image of equal pixels.
        weights: Number of weights of one kernel, and of a dense layer with as many outputs.
    """

    example: NDArray[np.int64]
    photo: NDArray[np.uint8]
    gradient_x: NDArray[np.float64]
    gradient_y: NDArray[np.float64]
    magnitude: NDArray[np.float64]
    edges: NDArray[np.float64]
    flat: float
    weights: tuple[int, int]


def convolve(image: NDArray[np.generic], kernel: NDArray[np.generic]) -> NDArray[np.float64]:
    """Convolve as a ``Conv2d`` layer: ``(H, W)``, ``(h, w)`` -> ``(H - h + 1, W - w + 1)``.

    As usual in deep learning the kernel is not flipped, so this is a cross-correlation.
    """
    plane, weight = (
        torch.from_numpy(array.astype(np.float64))[None, None] for array in (image, kernel)
    )
    return F.conv2d(plane, weight)[0, 0].numpy()


def compute(side: int = 192) -> Convolutions:
    """Convolve the example image, and scikit-image's ``camera`` photo (CC0).

    Args:
        side: Side to which the photo is resized, in pixels.
    """
    photo = cv2.resize(data.camera(), (side, side), interpolation=cv2.INTER_AREA)
    gradient_x, gradient_y = convolve(photo, SOBEL_X), convolve(photo, SOBEL_Y)
    return Convolutions(
        convolve(IMAGE, KERNEL).round().astype(np.int64),
        np.asarray(photo, np.uint8),
        gradient_x,
        gradient_y,
        np.hypot(gradient_x, gradient_y),
        convolve(photo, EDGES),
        float(convolve(np.full((3, 3), 200), EDGES)[0, 0]),
        (SOBEL_X.size, photo.size * gradient_x.size),
    )


def describe(result: Convolutions) -> list[str]:
    """Describe the example, the filter responses, and the weights against a dense layer."""
    window = IMAGE[:3, :3]
    products = " + ".join(
        f"{a}*{b}" for a, b in zip(window.ravel(), KERNEL.ravel(), strict=True) if b
    )
    rows = "; ".join(" ".join(map(str, row)) for row in result.example)
    kernel, dense = result.weights
    height, width = result.photo.shape
    return [
        f"First position: {products} = {result.example[0, 0]} (terms with weight 0 left out)",
        f"All nine positions: {rows}",
        f"Photo {width}x{height}, horizontal Sobel filter: {result.gradient_x.min():.0f} to "
        f"{result.gradient_x.max():.0f}; largest gradient magnitude {result.magnitude.max():.0f}",
        f"Edge filter, sum of its weights {EDGES.sum()}: {result.edges.min():.0f} to "
        f"{result.edges.max():.0f}; on nine equal pixels {result.flat:.0f}",
        f"Weights: one kernel {kernel}, a dense layer with as many outputs {dense:,}",
    ]


def plot(result: Convolutions) -> Figure:
    """Plot the example in numbers, and the photo with its filter responses."""
    figure = new_figure(7.4)
    above, below = split_figure(figure, 0.58)
    image, kernel, output = above.subplots(1, 3, width_ratios=(5, 4, 4))
    _plot_numbers(image, IMAGE, say("Image and window", "Image et fenêtre"))
    image.add_patch(Rectangle((-0.5, -0.5), 3, 3, fill=False, edgecolor=ORANGE, linewidth=3))
    for (row, column), value in np.ndenumerate(KERNEL):
        image.text(column + 0.36, row + 0.4, f"×{value}", color=ORANGE, fontsize=7.5, ha="right")
    _plot_numbers(kernel, KERNEL, say("Kernel", "Noyau"))
    # In mathematics an asterisk denotes convolution.
    kernel.text(-1.2, 1, "∗", ha="center", va="center", fontsize=20)
    _plot_numbers(output, result.example, say("Feature map", "Carte de caractéristiques"))
    output.text(-1.2, 1, "=", ha="center", va="center", fontsize=20)
    output.add_patch(Rectangle((-0.5, -0.5), 1, 1, fill=False, edgecolor=ORANGE, linewidth=3))
    (photo, weights, edges), (horizontal, vertical, magnitude) = below.subplots(2, 3)
    show_image(photo, result.photo, say("Photo", "Photographie"))
    _plot_numbers(weights, EDGES, say("Edge kernel", "Noyau de contours"))
    flat = say("equal pixels a: 8a − 8a = 0", "pixels égaux à a : 8a − 8a = 0")
    weights.text(1, 3, flat, ha="center", va="center")
    _show_response(edges, result.edges, say("Response to edges", "Réponse aux contours"))
    _show_response(horizontal, result.gradient_x, say("Horizontal gradient", "Gradient horizontal"))
    _show_response(vertical, result.gradient_y, say("Vertical gradient", "Gradient vertical"))
    title = say("Gradient magnitude", "Norme du gradient")
    grey = {"cmap": "gray_r", "vmin": 0, "vmax": float(np.percentile(result.magnitude, 99.5))}
    show_image(magnitude, result.magnitude, title, **grey)
    return figure


def _show_response(axes: Axes, response: NDArray[np.float64], title: str) -> None:
    """Show a filter's response, white where it is 0."""
    top = float(np.percentile(np.abs(response), 99.5))
    show_image(axes, response, title, cmap=SIGNED, vmin=-top, vmax=top)


def _plot_numbers(axes: Axes, numbers: NDArray[np.int64], title: str) -> None:
    rows, columns = numbers.shape
    for (row, column), value in np.ndenumerate(numbers):
        colour = tint(BLUE, 0.16 * min(value, 4)) if value > 0 else (1, 1, 1)
        axes.add_patch(
            Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=colour, edgecolor="#b5b5b5")
        )
        shown = str(value).replace("-", "−")
        axes.text(column, row, shown, ha="center", va="center", fontsize=13, color=INK)
    # All three panels are five cells high, so that their cells are equally large.
    pad = (5 - rows) / 2
    axes.set(xlim=(-0.6, columns - 0.4), ylim=(rows + pad - 0.4, -pad - 0.6), aspect="equal")
    axes.set_axis_off()
    axes.text((columns - 1) / 2, -0.75, title, ha="center", va="bottom", fontweight="bold")


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "Above: the kernel is laid on a window of the image, multiplied cell by cell and "
        "summed. Below: the weights of the edge kernel sum to 0, so flat areas give 0 (white); "
        "kernels that subtract neighbours on two sides respond to edges in one direction.",
        "En haut : le noyau est posé sur une fenêtre de l'image, multiplié case par case et "
        "sommé. En bas : les poids du noyau de contours ont une somme nulle, les zones unies "
        "donnent donc 0 (blanc) ; les noyaux qui soustraient les voisins de deux côtés répondent "
        "aux contours d'une direction.",
    ),
)
