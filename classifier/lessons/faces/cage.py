"""Any face in, one face out: an encoder that saw a crowd, and the decoder of one target."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from classifier.lessons.faces.miniature import (
    Trained,
    extract,
    facesets_in,
    own_folder,
    title,
    train,
)
from classifier.lessons.faces.swaps import FaceSwap, Pixels, Quality, measure, sharpness, swap_face
from classifier.lessons.figure import new_figure, show_image
from classifier.lessons.language import Text, percent, say
from classifier.lessons.lesson import Lesson, no_progress
from faceswap.core.seeding import generator
from faceswap.evaluation.reconstruction import held_out_tensor
from faceswap.facesets.faceset import Faceset
from faceswap.models.crowd import CROWD

_PREPARING = 0.3  # fraction of the time before the training
_PICTURES = 100  # faces among the pictures of lfw_subset, which come first
_COMPOSITES = 16  # strangers among the photos
_SIDE, _MARGIN = 200, 60  # pixels, of the enlarged pictures
_SIZE = 64
_STRANGERS = "strangers"
_SHOWN = (2, 6)  # frames of the clip, and pictures
_NETWORK = (
    "model.name=df",
    f"model.options={{size: {_SIZE}, ae_dims: 64, e_dims: 16, d_dims: 16, d_mask_dims: 8}}",
    "optimizer.lr=3.0e-3",
)


@dataclass(frozen=True)
class Cast:
    """Facesets of all who take part.

    Attributes:
        target: Faceset of the target, named as the target.
        crowd: Faceset of the people who teach the encoder.
        clip: Faceset of a held-out identity in a video.
        strangers: Faceset of other such faces in photos.
    """

    target: Path
    crowd: Path
    clip: Path
    strangers: Path


@dataclass(frozen=True)
class Cage:
    """Faces of strangers decoded as the target.

    Attributes:
        name: Name of the target.
        faces: Numbers of faces of the target, of the crowd, and of strangers.
        steps: Number of training steps.
        quality: Quality of the reconstructions of held-out faces of the target.
        sharpness: Sharpness of the swapped frames of the clip over that of real faces of the
            target.
        distances: Mean absolute differences in [0, 1] from the most similar real face of the
            target: of strangers as they are, of strangers decoded, and of held-out faces of the
            target.
        variety: Mean absolute differences in [0, 1] between any two decoded strangers, and
            between any two real faces of the target.
        swaps: Strangers and their swaps, those of the clip first.
    """

    name: str
    faces: tuple[int, int, int]
    steps: int
    quality: Quality
    sharpness: float
    distances: tuple[float, float, float]
    variety: tuple[float, float]
    swaps: tuple[FaceSwap, ...]


def compute(
    seed: int = 0,
    steps: int = 120,
    batch: int = 4,
    people: int = 80,
    cast: Cast | None = None,
    on_progress: Callable[[float], None] = no_progress,
) -> Cage:
    """Trains the recipe ``cage`` with a small network on a target and a crowd, and swaps strangers.

    Args:
        seed: Seed of clips, colours of the crowd, initial weights and batches.
        steps: Number of training steps.
        batch: Faces of each identity in a step.
        people: Pictures of the crowd; strangers are composed of the others.
        cast: Facesets; None films the portraits of the demo and extracts the pictures.
        on_progress: Progress callback; see ``Lesson``.

    Raises:
        WeightsUnavailable: The weights of the face detector are not on this machine.
    """
    with own_folder() as folder:
        cast = cast or _cast(folder, seed, people, lambda part: on_progress(_PREPARING * part))
        target = cast.target.name
        trained = train(
            "cage",
            (*_NETWORK, f"training.batch={batch}"),
            {target: cast.target, CROWD: cast.crowd},
            folder / "run",
            steps=steps,
            seed=seed,
            on_progress=lambda part: on_progress((1 - _PREPARING) * part),
        )
        quality = measure(trained, _SIZE)
        opened = {place.name: Faceset.open(place) for place in (cast.clip, cast.strangers)}
        met = {name: [(each, face) for face in each.trainable()] for name, each in opened.items()}
        own = trained.held_out[target]
        trained = replace(trained, held_out={target: own, **met})
        swaps = [
            swap_face(trained, name, target, float(place))
            for name, count in zip(met, _SHOWN, strict=True)
            for place in np.linspace(0, 1, count)
        ]
        distances, variety = _compare(trained, target, cast.strangers.name)
        crowd = len(list(Faceset.open(cast.crowd).trainable()))
        return Cage(
            title(target),
            (len(trained.training[target]) + len(own), crowd, sum(map(len, met.values()))),
            steps,
            quality,
            sharpness(trained, cast.clip.name, target),
            distances,
            variety,
            tuple(swaps),
        )


def _cast(folder: Path, seed: int, people: int, on_progress: Callable[[float], None]) -> Cast:
    filmed = facesets_in(folder, seed, lambda part: on_progress(part / 2))
    photos = {name: folder / name for name in (CROWD, _STRANGERS)}
    for place in photos.values():
        place.mkdir()
    random, pictures = generator(seed, "crowd"), data.lfw_subset()
    order = random.permutation(_PICTURES)
    groups = {CROWD: order[:people, None], _STRANGERS: _triples(order[people:], random)}
    for name, group in groups.items():
        for number, indices in enumerate(group):
            picture = _coloured(pictures[indices].mean(0), random.uniform(0.5, 1.2))
            Image.fromarray(picture).save(photos[name] / f"{number:03}.png")
    found = extract(photos, folder / "people", every=1)
    on_progress(0.5)
    target, clip = filmed.values()
    return Cast(target, found[CROWD], clip, found[_STRANGERS])


def _triples(indices: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    """Three of the pictures for each stranger: their mean is nobody, whom a figure may show."""
    return np.stack([random.choice(indices, 3, replace=False) for _ in range(_COMPOSITES)])


def _coloured(grey: NDArray[np.floating], warmth: float) -> NDArray[np.uint8]:
    """A picture of 25 x 25 pixels, enlarged, with a margin, in tones of skin."""
    large = cv2.resize(grey.astype(np.float32), (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
    large = cv2.copyMakeBorder(
        large, _MARGIN, _MARGIN, _MARGIN, _MARGIN, cv2.BORDER_REPLICATE
    ).clip(0, 1)
    channels = [large**power for power in (1 - 0.25 * warmth, 1, 1 + 0.35 * warmth)]
    return (255 * np.stack(channels, -1) + 0.5).astype(np.uint8)


@torch.inference_mode()
def _compare(
    trained: Trained, target: str, strangers: str
) -> tuple[tuple[float, float, float], tuple[float, float]]:
    """``Cage.distances`` and ``Cage.variety``."""
    model, coverage = trained.loaded.model, trained.loaded.coverage
    met, own, real = (
        held_out_tensor(faces, model.input_size, coverage)[:, :3]
        for faces in (
            trained.held_out[strangers],
            trained.held_out[target],
            trained.training[target],
        )
    )
    decoded = model.swap(met, target).face
    first, second, third = (
        float(_apart(faces, real).min(1).values.mean()) for faces in (met, decoded, own)
    )
    return (first, second, third), (_spread(decoded), _spread(real))


def _apart(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Mean absolute differences, ``(N, M)``, of ``(N, ...)`` and ``(M, ...)``, each with each."""
    return torch.cdist(first.flatten(1), second.flatten(1), p=1) / first[0].numel()


def _spread(faces: torch.Tensor) -> float:
    """Mean absolute difference between any two different faces."""
    return float(_apart(faces, faces).sum() / (len(faces) * (len(faces) - 1)))


def describe(result: Cage) -> list[str]:
    """Describe the training, how similar decoded strangers are to the target, and to each other."""
    target, crowd, strangers = result.faces
    before, after, own = (100 * distance for distance in result.distances)
    decoded, real = (100 * value for value in result.variety)
    return [
        f"Target: {result.name}, {target} faces; {crowd} faces of the crowd; {strangers} of "
        f"strangers; {result.steps} steps",
        f"Held-out faces of the target: SSIM {result.quality.ssim:.3f}; sharpness of the swapped "
        f"frames {result.sharpness:.2f}",
        f"Distance from the most similar real face of the target: strangers {before:.1f} %, "
        f"decoded {after:.1f} % (held-out faces of the target {own:.1f} %)",
        f"Distance between two faces: decoded strangers {decoded:.1f} %, real faces of the target "
        f"{real:.1f} %",
    ]


def plot(result: Cage) -> Figure:
    """Plot strangers, what the target's decoder makes of them, and the result in the pictures."""
    figure = new_figure(3.5)
    grid = figure.subplots(3, len(result.swaps), squeeze=False)
    rows: tuple[tuple[str, Callable[[FaceSwap], Pixels | NDArray[np.uint8]]], ...] = (
        (say("stranger", "inconnu"), lambda swap: swap.face),
        (say("decoded", "décodé"), lambda swap: swap.decoded),
        (say("in the picture", "dans l'image"), lambda swap: swap.swapped),
    )
    for axes, (text, shown) in zip(grid, rows, strict=True):
        for each, swap in zip(axes, result.swaps, strict=True):
            show_image(each, shown(swap))
        axes[0].text(
            -0.08, 0.5, text, transform=axes[0].transAxes, ha="right", va="center", fontsize=8.5
        )
    before, after, _ = (percent(distance, 1) for distance in result.distances)
    figure.suptitle(
        say(
            "Faces of nobody, distance from {}'s most similar real face: {} before, {} after",
            "Visages fictifs, écart avec le vrai visage le plus proche de {} : {} avant, {} après",
        ).format(result.name, before, after),
        fontsize=9.5,
    )
    return figure


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "Faces that the network never saw, decoded as one target: frames of a clip (left) and "
        "faces of nobody, each the mean of three pictures (right). The encoder learnt from a crowd "
        "what faces have in common, so that the target's decoder can show what it finds in any.",
        "Des visages que le réseau n'a jamais vus, décodés comme une seule cible : images d'un "
        "clip (à gauche) et visages fictifs, moyennes de trois photos (à droite). Une foule a "
        "appris à l'encodeur ce que les visages ont en commun ; le décodeur le montre.",
    ),
    synthetic=True,
)
