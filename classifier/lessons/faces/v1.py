"""FaceSwap V1: the network of 2017, trained on the facesets of two portraits and converted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from classifier.lessons.faces.miniature import facesets_in, own_folder, title, train
from classifier.lessons.faces.swaps import (
    FaceSwap,
    Pixels,
    Quality,
    decode,
    measure,
    sharpness,
    swap_face,
)
from classifier.lessons.figure import BLUE, new_figure, show_image, split_figure
from classifier.lessons.language import Text, number, say
from classifier.lessons.lesson import Lesson, no_progress

_FILMING = 0.2  # fraction of the time before the training


@dataclass(frozen=True)
class SwappedV1:
    """A trained V1 and its swaps in both directions.

    Attributes:
        names: Names of the two identities.
        faces: Numbers of training and of held-out faces, of both identities together.
        parameters: Number of parameters of the network.
        losses: ``(steps,)`` loss of the training.
        quality: Quality of the reconstructions of held-out faces.
        sharpness: Sharpness of swapped faces over that of real faces of the target.
        swaps: Held-out frame of each identity with the face of the other one.
        rebuilt: The faces of these frames by their own decoders, ``(64, 64, 3)`` in [0, 1].
    """

    names: tuple[str, str]
    faces: tuple[int, int]
    parameters: int
    losses: NDArray[np.float64]
    quality: Quality
    sharpness: float
    swaps: tuple[FaceSwap, FaceSwap]
    rebuilt: tuple[Pixels, Pixels]


def compute(
    seed: int = 0,
    steps: int = 300,
    width: int = 16,
    batch: int = 8,
    facesets: Mapping[str, Path] | None = None,
    on_progress: Callable[[float], None] = no_progress,
) -> SwappedV1:
    """Trains the recipe ``v1`` with fewer channels, and converts held-out frames.

    Args:
        seed: Seed of clips, initial weights and batches.
        steps: Number of training steps.
        width: Number of channels of the first layer; 128 in the recipe.
        batch: Faces of each identity in a step.
        facesets: Faceset of each of two identities; None films the portraits of the demo.
        on_progress: Progress callback; see ``Lesson``.

    Raises:
        WeightsUnavailable: The weights of the face detector are not on this machine.
    """
    with own_folder() as folder:
        facesets = facesets or facesets_in(folder, seed, lambda part: on_progress(_FILMING * part))
        first, second = facesets
        trained = train(
            "v1",
            (f"model.options.width={width}", f"training.batch={batch}"),
            facesets,
            folder / "run",
            steps=steps,
            seed=seed,
            on_progress=lambda part: on_progress((1 - _FILMING) * part),
        )
        directions = ((first, second), (second, first))
        splits = (trained.training, trained.held_out)
        counts = [sum(map(len, split.values())) for split in splits]
        swaps = swap_face(trained, first, second), swap_face(trained, second, first)
        return SwappedV1(
            (title(first), title(second)),
            (counts[0], counts[1]),
            trained.parameters,
            trained.losses,
            measure(trained, trained.loaded.model.output_size),
            float(np.mean([sharpness(trained, *direction) for direction in directions])),
            swaps,
            (decode(trained, swaps[0].face, first), decode(trained, swaps[1].face, second)),
        )


def describe(result: SwappedV1) -> list[str]:
    """Describe the training, the reconstructions and the swaps."""
    training, held_out = result.faces
    return [
        f"{result.parameters / 1e6:.1f} million parameters, {len(result.losses)} steps on "
        f"{training} faces; {held_out} held out",
        f"Loss of the training: {result.losses[0]:.3f} at first, "
        f"{result.losses[-20:].mean():.3f} at the end",
        f"Held-out faces by their own decoder: SSIM {result.quality.ssim:.3f}, mean absolute "
        f"error {100 * result.quality.l1:.1f} % inside the face",
        f"Sharpness of the swapped faces: {result.sharpness:.2f} of that of real ones",
    ]


def plot(result: SwappedV1) -> Figure:
    """Plot both swaps from frame to frame, and the loss over the steps."""
    figure = new_figure(5.0)
    faces, curve = split_figure(figure, 2.6)
    grid = faces.subplots(2, 5, squeeze=False)
    decoder = say("{}'s decoder", "décodeur de {}")
    rows = zip(result.swaps, result.rebuilt, result.names, strict=True)
    for row, (swap, rebuilt, own) in enumerate(rows):
        to = result.names[1 - row]
        columns = (
            (swap.frame, say("frame: {}", "image : {}").format(own)),
            (swap.face, say("aligned, {} px", "aligné, {} px").format(len(swap.face))),
            (rebuilt, decoder.format(own)),
            (swap.decoded, decoder.format(to)),
            (swap.swapped, say("blended into the frame", "inséré dans l'image")),
        )
        for axes, (image, text) in zip(grid[row], columns, strict=True):
            show_image(axes, image, text)
    axes = curve.subplots()
    smooth = np.convolve(result.losses, np.ones(9) / 9, "valid")
    axes.plot(np.arange(len(smooth)) + 5, smooth, color=BLUE)
    axes.set(xlabel=say("step", "pas"), ylim=(0, None))
    axes.set_ylabel(say("loss", "perte"))
    axes.set_title(
        say(
            "Loss of the training; reconstruction of held-out faces: SSIM {}",
            "Perte de l'entraînement ; reconstruction de visages réservés : SSIM {}",
        ).format(number(result.quality.ssim, 2))
    )
    return figure


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "Each row, from left to right: a frame that the network never saw, its face as the encoder "
        "sees it, decoded by its own and by the other decoder, and the result in the frame. V1 "
        "decodes the whole square, and only the outline of the landmarks decides what is kept.",
        "Chaque ligne, de gauche à droite : une image que le réseau n'a jamais vue, son visage tel "
        "que l'encodeur le voit, décodé par son décodeur puis par l'autre, et le résultat dans "
        "l'image. V1 décode tout le carré ; seul le contour des repères décide de ce qui reste.",
    ),
    synthetic=True,
)
