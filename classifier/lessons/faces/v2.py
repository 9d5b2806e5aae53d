"""FaceSwap V2: what a learned mask and a structural loss change, at equal steps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from classifier.lessons.faces.miniature import (
    PIXEL_LOSS,
    Trained,
    facesets_in,
    own_folder,
    title,
    train,
)
from classifier.lessons.faces.swaps import FaceSwap, Quality, measure, sharpness, swap_face
from classifier.lessons.figure import new_figure, show_image
from classifier.lessons.language import Text, number, say
from classifier.lessons.lesson import Lesson, no_progress

_FILMING = 0.15  # fraction of the time before the trainings
_SIDE = 64
_NETWORK = (
    f"model.options.size={_SIDE}",
    "model.options.ae_dims=64",
    "model.options.e_dims=16",
    "model.options.d_dims=16",
    "model.options.d_mask_dims=8",
)
# Both trainings differ in the loss of the reconstructions alone, so that phases are left out.
_COMMON = ("phases=[]", "optimizer.lr=3.0e-3")


@dataclass(frozen=True)
class Variant:
    """A training with one of the two losses.

    Attributes:
        quality: Quality of the reconstructions of held-out faces.
        sharpness: Sharpness of swapped faces over that of real faces of the target.
        swap: Held-out frame of the source with the face of the target, blended with the learned
            mask.
    """

    quality: Quality
    sharpness: float
    swap: FaceSwap


@dataclass(frozen=True)
class SwappedV2:
    """Two trainings of the same network with different losses.

    Attributes:
        names: Names of source and target.
        steps: Number of steps of each training.
        parameters: Number of parameters of the network.
        pixels: Training with the loss of V1, the mean absolute error.
        structure: Training with the loss of V2: structure and squares, eyes and mouth heavier.
        unmasked: The frame of ``structure`` blended with the outline of the landmarks alone.
        changed: Fraction of the blended area that the learned mask leaves as it was.
    """

    names: tuple[str, str]
    steps: int
    parameters: int
    pixels: Variant
    structure: Variant
    unmasked: FaceSwap
    changed: float


def compute(
    seed: int = 0,
    steps: int = 65,
    batch: int = 4,
    facesets: Mapping[str, Path] | None = None,
    on_progress: Callable[[float], None] = no_progress,
) -> SwappedV2:
    """Trains the small network twice: with the loss of V1, and with that of the recipe ``v2``.

    Args:
        seed: Seed of clips, initial weights and batches.
        steps: Number of steps of each training.
        batch: Faces of each identity in a step.
        facesets: Faceset of the target and of the source; None films the portraits of the demo.
        on_progress: Progress callback; see ``Lesson``.

    Raises:
        WeightsUnavailable: The weights of the face detector are not on this machine.
    """
    with own_folder() as folder:
        facesets = facesets or facesets_in(folder, seed, lambda part: on_progress(_FILMING * part))
        to, source = facesets
        pixels, structure = (
            train(
                "v2",
                (*_NETWORK, *_COMMON, f"training.batch={batch}", *loss),
                facesets,
                folder / name,
                steps=steps,
                seed=seed,
                on_progress=lambda part: on_progress((1 - _FILMING) / 2 * part),
            )
            for name, loss in (("pixels", PIXEL_LOSS), ("structure", ()))
        )
        masked, unmasked = (
            swap_face(structure, source, to, learned_mask=learned) for learned in (True, False)
        )
        return SwappedV2(
            (title(source), title(to)),
            steps,
            structure.parameters,
            _variant(pixels, source, to),
            _variant(structure, source, to),
            unmasked,
            float(1 - masked.mask.sum() / unmasked.mask.sum()),
        )


def _variant(trained: Trained, source: str, to: str) -> Variant:
    sharp = [sharpness(trained, *pair) for pair in ((source, to), (to, source))]
    swap = swap_face(trained, source, to)
    return Variant(measure(trained, _SIDE), float(np.mean(sharp)), swap)


def describe(result: SwappedV2) -> list[str]:
    """Describe both trainings and the mask."""
    lines = [
        f"{name}: SSIM {each.quality.ssim:.3f}, mean absolute error "
        f"{100 * each.quality.l1:.1f} %, sharpness {each.sharpness:.2f}"
        for name, each in (
            ("loss of V1 (mean absolute error)", result.pixels),
            ("loss of V2 (structure, eyes and mouth)", result.structure),
        )
    ]
    return [
        f"{result.parameters / 1e6:.1f} million parameters, {result.steps} steps with each loss; "
        "held-out faces:",
        *lines,
        f"The learned mask takes {100 * result.changed:.0f} % off the area within the landmarks",
    ]


def plot(result: SwappedV2) -> Figure:
    """Plot decoded faces with both losses above, and the frame with both masks below."""
    figure = new_figure(5.4)
    grid = figure.subplots(2, 4, squeeze=False)
    source, to = result.names
    show_image(
        grid[0, 0], result.structure.swap.face, say("face: {}", "visage : {}").format(source)
    )
    _show_variant(grid[0, 1], result.pixels, say("loss of V1", "perte de V1"), to)
    _show_variant(grid[0, 2], result.structure, say("loss of V2", "perte de V2"), to)
    learned = result.structure.swap
    show_image(grid[0, 3], learned.mask, say("learned mask", "masque appris"), vmin=0, vmax=1)
    show_image(grid[1, 0], learned.frame, say("frame: {}", "image : {}").format(source))
    show_image(
        grid[1, 1],
        result.pixels.swap.swapped,
        say("loss of V1, in the frame", "perte de V1, dans l'image"),
    )
    show_image(
        grid[1, 2],
        result.unmasked.swapped,
        say("loss of V2, landmarks only", "perte de V2, repères seuls"),
    )
    show_image(
        grid[1, 3], learned.swapped, say("loss of V2, learned mask", "perte de V2, masque appris")
    )
    return figure


def _show_variant(axes: Axes, variant: Variant, name: str, to: str) -> None:
    values = say("SSIM {}, sharpness {}", "SSIM {}, netteté {}").format(
        number(variant.quality.ssim, 2), number(variant.sharpness, 2)
    )
    show_image(axes, variant.swap.decoded, f"{to}, {name}\n{values}")


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "Above, a held-out face decoded as the other person by the same network after equal steps "
        "with two losses. Below, the results in the frame: the learned mask leaves out what the "
        "new face shows as background.",
        "En haut, un visage réservé décodé comme l'autre personne par le même réseau, après "
        "autant de pas, avec deux pertes. En bas, les résultats dans l'image : le masque appris "
        "écarte ce que le nouveau visage montre comme arrière-plan.",
    ),
    synthetic=True,
)
