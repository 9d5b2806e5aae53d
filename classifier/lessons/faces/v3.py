"""From V1 to V3, one change after the other: loss, mask, resolution, adversarial phase."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

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

_FILMING = 0.1  # fraction of the time before the trainings
_SIDES = (64, 96)
_NETWORK = (
    "model.options.archi=ud",
    "model.options.ae_dims=48",
    "model.options.e_dims=12",
    "model.options.d_dims=12",
    "model.options.d_mask_dims=8",
    "optimizer.lr=3.0e-3",
)
_STRAIGHT, _WEIGHTS = "augmentation.warp: 0.0", "loss.eyes: 2.0, loss.mouth: 2.0"
_ADVERSARIAL = 0.4  # times the steps before it
_POWER = 0.1  # of the discriminator, so that few steps show what it does


@dataclass(frozen=True)
class Stage:
    """A model and its swap, one change after the stage before.

    Attributes:
        steps: Number of training steps.
        quality: Quality of the reconstructions of held-out faces, at the larger of both sides.
        sharpness: Sharpness of swapped faces over that of real faces of the target.
        swap: Held-out frame of the source with the face of the target.
    """

    steps: int
    quality: Quality
    sharpness: float
    swap: FaceSwap


@dataclass(frozen=True)
class Generations:
    """The stages from V1 to V3.

    Attributes:
        names: Names of source and target.
        sides: Sides of the faces in pixels, lower and higher resolution.
        pixels: Stage with the loss of V1 and the mask of the landmarks.
        structure: Stage with the loss of V2.
        masked: Stage with the learned mask, of the same training.
        resolved: Stage with the higher resolution.
        adversarial: Stage after the adversarial phase, which resumes from ``resolved``.
    """

    names: tuple[str, str]
    sides: tuple[int, int]
    pixels: Stage
    structure: Stage
    masked: Stage
    resolved: Stage
    adversarial: Stage


def compute(
    seed: int = 0,
    steps: int = 45,
    batch: int = 4,
    sides: tuple[int, int] = _SIDES,
    facesets: Mapping[str, Path] | None = None,
    on_progress: Callable[[float], None] = no_progress,
) -> Generations:
    """Trains a small network of the recipe ``v3`` three times, with one change after the other.

    Args:
        seed: Seed of clips, initial weights and batches.
        steps: Number of steps of each training; those of the adversarial phase come on top.
        batch: Faces of each identity in a step.
        sides: Sides of the faces in pixels, multiples of 32.
        facesets: Faceset of the target and of the source; None films the portraits of the demo.
        on_progress: Progress callback; see ``Lesson``.

    Raises:
        WeightsUnavailable: The weights of the face detector are not on this machine.
    """
    low, high = sides
    more = steps + round(_ADVERSARIAL * steps)
    plans = (
        ("pixels", low, steps, (*PIXEL_LOSS, _phases(steps, steps, _STRAIGHT))),
        ("structure", low, steps, (_phases(steps, steps),)),
        ("resolved", high, more, (_phases(steps, more),)),
    )
    costs = {name: side**2 * count for name, side, count, _ in plans}
    with own_folder() as folder:
        facesets = facesets or facesets_in(folder, seed, lambda part: on_progress(_FILMING * part))
        to, source = facesets

        def fit(name: str, side: int, count: int, settings: tuple[str, ...]) -> Trained:
            share = (1 - _FILMING) * costs[name] / sum(costs.values())
            return train(
                "v3",
                (f"model.options.size={side}", f"training.batch={batch}", *_NETWORK, *settings),
                facesets,
                folder / name,
                steps=count,
                seed=seed,
                on_progress=lambda part: on_progress(share * part),
            )

        def stage(trained: Trained, count: int, *, learned_mask: bool = True) -> Stage:
            swap = swap_face(trained, source, to, learned_mask=learned_mask)
            sharp = sharpness(trained, source, to, learned_mask=learned_mask)
            return Stage(count, measure(trained, high), sharp, swap)

        pixels, structure, resolved = (fit(*plan) for plan in plans)
        return Generations(
            (title(source), title(to)),
            sides,
            stage(pixels, steps, learned_mask=False),
            stage(structure, steps, learned_mask=False),
            stage(structure, steps),
            stage(resolved.at(steps), steps),
            stage(resolved, more),
        )


def _phases(plain: int, steps: int, detail: str = f"{_STRAIGHT}, {_WEIGHTS}") -> str:
    """The phases of the recipe, the last one after ``plain`` of ``steps`` steps if any are left."""
    warped = round(0.6 * plain)
    shares = [f"share: {warped / steps}", f"share: {(plain - warped) / steps}"]
    phases = [
        f"{{name: generalise, {shares[0]}}}",
        f"{{name: detail, {shares[1]}, set: {{{detail}}}}}",
        f"{{name: adversarial, set: {{{detail}, adversarial.power: {_POWER}}}}}",
    ]
    return f"phases=[{', '.join(phases[: 3 if steps > plain else 2])}]"


def describe(result: Generations) -> list[str]:
    """Describe the stages that differ in what they decode."""
    low, high = result.sides
    lines = [
        f"{name}, {stage.steps} steps: SSIM {stage.quality.ssim:.3f}, mean absolute error "
        f"{100 * stage.quality.l1:.1f} %, sharpness {stage.sharpness:.2f}"
        for name, stage in (
            (f"loss of V1, {low} px", result.pixels),
            (f"loss of V2, {low} px", result.structure),
            (f"loss of V2, {high} px", result.resolved),
            (f"adversarial phase, {high} px", result.adversarial),
        )
    ]
    return [f"Held-out faces, compared at {high} px:", *lines]


def plot(result: Generations) -> Figure:
    """Plot the decoded face of each stage above, and the converted frame below."""
    figure = new_figure(3.7)
    grid = figure.subplots(2, 6, squeeze=False)
    low, high = (f"{side} px" for side in result.sides)
    shown = result.masked.swap
    show_image(grid[0, 0], shown.face, say("face: {}", "visage : {}").format(result.names[0]))
    show_image(grid[1, 0], shown.frame, say("frame", "image"))
    columns = (
        (result.pixels, result.pixels.swap.decoded, low, say("loss of V1", "perte de V1")),
        (result.structure, result.structure.swap.decoded, low, say("loss of V2", "perte de V2")),
        (result.masked, shown.mask, low, say("+ learned mask", "+ masque appris")),
        (result.resolved, result.resolved.swap.decoded, high, say("+ pixels", "+ de pixels")),
        (
            result.adversarial,
            result.adversarial.swap.decoded,
            high,
            say("+ adversarial", "+ phase adverse"),
        ),
    )
    for column, (stage, image, side, change) in enumerate(columns, 1):
        show_image(grid[0, column], image, f"{side}\n{change}", vmin=0, vmax=1)
        ssim, sharp = number(stage.quality.ssim, 2), number(stage.sharpness, 2)
        values = say("SSIM {}\nsharpness {}", "SSIM {}\nnetteté {}").format(ssim, sharp)
        show_image(grid[1, column], stage.swap.swapped, values)
    return figure


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "A held-out face decoded as the other person (top; in the fourth column its mask) and "
        "blended into its frame (bottom). From left to right each column adds one change. More "
        "pixels give the decoder room for detail, and the discriminator pushes it to fill that "
        "room; a minute shows only the tendency.",
        "Un visage réservé décodé comme l'autre personne (en haut ; dans la quatrième colonne, "
        "son masque) et inséré dans son image (en bas). De gauche à droite, chaque colonne ajoute "
        "un changement. Davantage de pixels laissent de la place aux détails, et le "
        "discriminateur pousse à la remplir ; une minute n'en montre que la tendance.",
    ),
    synthetic=True,
)
