"""A Hopfield network recalls letters from damaged ones: energy, capacity, and the modern update."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch.nn import functional as F

from classifier.lessons.figure import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    new_figure,
    show_image,
    split_figure,
    tile,
    tint,
)
from classifier.lessons.language import Text, number, percent, say
from classifier.lessons.lesson import Lesson, no_progress
from faceswap.core.seeding import generator

SIDE = 20
NEURONS = SIDE * SIDE
STORED = "AGMT"
"""Letters that hardly correlate, so that the Hebb rule can store them."""
CHARACTERS = STORED + "BCDEFHIJKLNOPQRSUVWXYZ123456789"  # without 0, which is like O
CAPACITY = 0.138
"""Random patterns per neuron that can be recalled (Amit, Gutfreund, Sompolinsky, 1985)."""
COUNTS = (2, 3, 4, 5, 6, 8, 10, 14, 20, 35, 45, 55, 65, 80, 110)
CROWDS = (200, 500, 1000, 2000)
"""Numbers of patterns that only the modern update is tried on."""
_RECALLED = 0.95
"""Fraction of pixels from which an image counts as recalled."""
_CURVE_NOISE = 0.1
_SHARPNESS = 0.1
_SWEEPS = 30
_PRINTED = (3, 6, 10, 35, 55, 65, 80, 110)

Patterns = NDArray[np.float64]


@dataclass(frozen=True)
class Recalls:
    """Letters recalled by a Hopfield network, and how many images it can hold.

    Attributes:
        stored: ``(4, 400)`` stored letters, -1 or 1.
        cues: ``(8, 400)`` damaged letters: four with noise, then four whose lower half is covered.
        recalled: ``(8, 400)`` states in which the network came to rest.
        energy: ``(updates + 1, 8)`` energy before the first update and after each.
        noise: Fraction of pixels flipped in the noisy cues.
        random: Fraction of random patterns recalled by number of stored patterns.
        letters: Fraction of letters and digits recalled by number of stored ones.
        modern: Fraction of random patterns recalled by the modern update.
        modern_letters: Fraction of all letters and digits recalled by the modern update.
        overfull: ``(3, 4, 400)`` four noisy letters, and what the Hebb rule and the modern update
            recall if all letters and digits are stored.
    """

    stored: Patterns
    cues: Patterns
    recalled: Patterns
    energy: Patterns
    noise: float
    random: dict[int, float]
    letters: dict[int, float]
    modern: dict[int, float]
    modern_letters: float
    overfull: Patterns


def hebb_weights(patterns: Patterns) -> Patterns:
    """Weights of the Hebb rule: pixels that agree in many patterns get a positive weight.

    Hopfield (1982): Neural networks and physical systems with emergent collective computational
    abilities.

    Args:
        patterns: ``(P, N)`` patterns of -1 and 1.

    Returns:
        ``(N, N)`` symmetric weights with a zero diagonal.
    """
    weights = patterns.T @ patterns / patterns.shape[1]
    np.fill_diagonal(weights, 0)
    return weights


def energy(weights: Patterns, states: Patterns) -> Patterns:
    """Energy ``-s W s / 2`` of ``(B, N)`` states, ``(B,)``."""
    return -0.5 * np.einsum("bi,ij,bj->b", states, weights, states)


def recall(
    weights: Patterns, cues: Patterns, random: np.random.Generator
) -> tuple[Patterns, Patterns]:
    """Update one neuron after another, in random order, until no neuron changes.

    Args:
        weights: ``(N, N)`` symmetric weights with a zero diagonal.
        cues: ``(B, N)`` initial states of -1 and 1.
        random: Generator of the order of the neurons.

    Returns:
        ``(B, N)`` final states, and ``(updates + 1, B)`` energies.
    """
    states = cues.copy()
    energies = [energy(weights, states)]
    for _ in range(_SWEEPS):
        before = states.copy()
        for neuron in random.permutation(len(weights)):
            field = states @ weights[neuron]
            new = np.where(field == 0, states[:, neuron], np.sign(field))
            energies.append(energies[-1] - (new - states[:, neuron]) * field)
            states[:, neuron] = new
        if np.array_equal(before, states):
            break
    return states, np.stack(energies)


def modern_update(patterns: Patterns, states: Patterns, sharpness: float = _SHARPNESS) -> Patterns:
    """One update of a modern Hopfield network: attention, with the patterns as keys and values.

    Ramsauer et al. (2020): Hopfield networks is all you need. The state becomes the mean of the
    patterns, weighted by the softmax of their products with the state.

    Args:
        patterns: ``(P, N)`` stored patterns.
        states: ``(B, N)`` states, the queries.
        sharpness: Factor of the products before the softmax; a transformer has one over the
            square root of N.

    Returns:
        ``(B, N)`` new states, in [-1, 1].
    """
    queries, keys = torch.from_numpy(states), torch.from_numpy(patterns)
    return F.scaled_dot_product_attention(queries, keys, keys, scale=sharpness).numpy()


def letter_patterns(characters: str = CHARACTERS) -> Patterns:
    """Bold characters that fill the image, ``(P, 400)``: ink is 1, paper -1.

    Ink covers about half of the image: the Hebb rule needs patterns with a mean near zero.
    """
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"
    font = ImageFont.truetype(path, 200)
    return np.stack([_letter(character, font) for character in characters])


def _letter(character: str, font: ImageFont.FreeTypeFont) -> Patterns:
    left, top, right, bottom = font.getbbox(character)
    canvas = Image.new("L", (round(right - left), round(bottom - top)))
    ImageDraw.Draw(canvas).text((-left, -top), character, 255, font)
    small = canvas.resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.where(np.asarray(small).ravel() > 127, 1.0, -1.0)


def compute(
    seed: int = 0,
    noise: float = 0.3,
    counts: tuple[int, ...] = COUNTS,
    crowds: tuple[int, ...] = CROWDS,
    repeats: int = 5,
    on_progress: Callable[[float], None] = no_progress,
) -> Recalls:
    """Store letters by the Hebb rule, recall damaged ones, and count what can be stored.

    Args:
        seed: Seed of the damage, of the random patterns and of the order of updates.
        noise: Fraction of pixels flipped in the noisy letters.
        counts: Numbers of stored patterns of the curves.
        crowds: Further numbers of random patterns, for the modern update.
        repeats: Number of random sets of patterns for each count.
        on_progress: Progress callback; see ``Lesson``.
    """
    everything = letter_patterns()
    stored = everything[: len(STORED)]
    cues = np.concatenate([_flipped(stored, noise, generator(seed, "noise")), _covered(stored)])
    recalled, energies = recall(hebb_weights(stored), cues, generator(seed, "order"))
    random, letters, modern = {}, {}, {}
    for count in counts:
        source = generator(seed, "patterns", count)
        sets = [_random_patterns(count, source) for _ in range(repeats)]
        random[count] = float(np.mean([_hebb_fraction(each, source) for each in sets]))
        if count <= len(everything):
            sets = [source.permutation(everything)[:count] for _ in range(repeats)]
            letters[count] = float(np.mean([_hebb_fraction(each, source) for each in sets]))
        on_progress(1 / len(counts))
    for count in (*counts, *crowds):
        source = generator(seed, "modern", count)
        modern[count] = _modern_fraction(_random_patterns(count, source), source)
    source = generator(seed, "all letters")
    modern_letters = _modern_fraction(everything, source)
    hebb, _ = recall(hebb_weights(everything), cues[: len(stored)], source)
    overfull = np.stack([cues[: len(stored)], hebb, modern_update(everything, cues[: len(stored)])])
    return Recalls(
        stored,
        cues,
        recalled,
        energies,
        noise,
        random,
        letters,
        modern,
        modern_letters,
        overfull,
    )


def _flipped(patterns: Patterns, noise: float, random: np.random.Generator) -> Patterns:
    return np.where(random.random(patterns.shape) < noise, -patterns, patterns)


def _covered(patterns: Patterns) -> Patterns:
    covered = patterns.reshape(-1, SIDE, SIDE).copy()
    covered[:, SIDE // 2 :] = -1
    return covered.reshape(patterns.shape)


def _random_patterns(count: int, random: np.random.Generator) -> Patterns:
    return random.choice([-1.0, 1.0], (count, NEURONS))


def agreement(states: Patterns, patterns: Patterns) -> Patterns:
    """Fraction of pixels of ``(B, N)`` states that agree with their pattern in sign, ``(B,)``."""
    return (np.sign(states) == patterns).mean(1)


def _hebb_fraction(patterns: Patterns, random: np.random.Generator) -> float:
    """Fraction of patterns recalled by the Hebb rule from a tenth of flipped pixels."""
    cues = _flipped(patterns, _CURVE_NOISE, random)
    states, _ = recall(hebb_weights(patterns), cues, random)
    return float((agreement(states, patterns) >= _RECALLED).mean())


def _modern_fraction(patterns: Patterns, random: np.random.Generator) -> float:
    states = modern_update(patterns, _flipped(patterns, _CURVE_NOISE, random))
    return float((agreement(states, patterns) >= _RECALLED).mean())


def describe(result: Recalls) -> list[str]:
    """Describe the recall of the damaged letters, the fall of the energy and the capacities."""
    right = agreement(result.recalled, np.tile(result.stored, (2, 1)))
    count = len(result.stored)
    changes = np.diff(result.energy, axis=0)
    most = max(result.modern)
    return [
        f"{count} letters of {NEURONS} pixels. Pixels right after recall, {result.noise:.0%} "
        f"noise: {', '.join(f'{value:.0%}' for value in right[:count])}; lower half "
        f"covered: {', '.join(f'{value:.0%}' for value in right[count:])}",
        f"Energy: {result.energy[0].mean():.0f} in the mean before, "
        f"{result.energy[-1].mean():.0f} after; updates that raise it: "
        f"{(changes > 1e-9).sum()} of {changes.size:,}",
        f"Random patterns recalled, {CAPACITY} N = {CAPACITY * NEURONS:.0f}: "
        + _listed(result.random),
        "Letters and digits recalled: " + _listed(result.letters),
        f"Modern update: {result.modern_letters:.0%} of {len(CHARACTERS)} letters and digits, "
        f"{result.modern[most]:.0%} of {most:,} random patterns",
    ]


def _listed(fractions: dict[int, float]) -> str:
    return ", ".join(
        f"{value:.0%} of {count}" for count, value in fractions.items() if count in _PRINTED
    )


def plot(result: Recalls) -> Figure:
    """Plot the recalled letters, the energy, the capacities, and an overfull memory."""
    figure = new_figure(6.3)
    above, below = split_figure(figure, 1.05)
    images, energies = np.asarray(above.subplots(1, 2, width_ratios=(1.25, 1))).tolist()
    _plot_recall(images, result)
    _plot_energy(energies, result)
    curves, overfull = np.asarray(below.subplots(1, 2, width_ratios=(1.25, 1))).tolist()
    _plot_capacity(curves, result)
    _plot_overfull(overfull, result)
    return figure


def _plot_sheet(axes: Axes, rows: list[tuple[str, Patterns]]) -> None:
    columns, gap = len(rows[0][1]), 3
    states = np.concatenate([images for _, images in rows])
    sheet = tile(states.reshape(-1, SIDE, SIDE), columns, gap=gap, fill=np.nan)
    show_image(axes, np.ma.masked_invalid(sheet), cmap="gray_r", vmin=-1, vmax=1)
    axes.set(xlim=(-1.5, sheet.shape[1] + 0.5), ylim=(sheet.shape[0] + 0.5, -1.5))
    for row, (name, _) in enumerate(rows):
        y = row * (SIDE + gap) + SIDE / 2
        axes.text(-4, y, name, ha="right", va="center", fontsize=8.5)
        for column in range(columns):
            corner = (column * (SIDE + gap) - 0.5, row * (SIDE + gap) - 0.5)
            axes.add_patch(Rectangle(corner, SIDE, SIDE, fill=False, ec=GREY, lw=0.5))


def _plot_recall(axes: Axes, result: Recalls) -> None:
    count = len(result.stored)
    recalled = say("recalled", "retrouvé")
    _plot_sheet(
        axes,
        [
            (say("stored", "mémorisé"), result.stored),
            (say("{} noise", "bruit {}").format(percent(result.noise)), result.cues[:count]),
            (recalled, result.recalled[:count]),
            (say("covered", "moitié cachée"), result.cues[count:]),
            (recalled, result.recalled[count:]),
        ],
    )
    axes.set_title(say("{} stored letters", "{} lettres mémorisées").format(count), loc="center")


def _plot_energy(axes: Axes, result: Recalls) -> None:
    count = len(result.stored)
    for start, colour, label in (
        (0, BLUE, say("from noise", "à partir du bruit")),
        (count, ORANGE, say("from a half", "à partir d'une moitié")),
    ):
        lines = axes.plot(result.energy[:, start : start + count], color=colour, lw=1.2)
        lines[0].set_label(label)
    axes.set_title(say("The energy never rises", "L'énergie ne remonte jamais"))
    axes.set(xlabel=say("update of one neuron", "mise à jour d'un neurone"))
    axes.set_ylabel(say("energy", "énergie"))
    axes.legend()


def _plot_capacity(axes: Axes, result: Recalls) -> None:
    for fractions, colour, marker, width, label in (
        (result.modern, tint(GREEN, 0.55), "", 6, say("random, modern", "aléatoires, moderne")),
        (result.random, BLUE, "o", 2, say("random, 1982", "aléatoires, 1982")),
        (result.letters, PURPLE, "s", 2, say("letters, 1982", "lettres, 1982")),
    ):
        values = [100 * value for value in fractions.values()]
        x = list(fractions)
        axes.plot(x, values, color=colour, marker=marker, ms=4, lw=width, label=label)
    limit = CAPACITY * NEURONS
    axes.axvline(limit, color=GREY, lw=1, ls="--")
    text = f"{number(CAPACITY, 3)} N\n= {number(limit)}"
    axes.text(0.93 * limit, 4, text, color=INK, fontsize=8.5, ha="right")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _position: number(value))
    axes.set_title(say("How many can be stored?", "Combien peut-on en mémoriser ?"))
    axes.set(xlabel=say("stored patterns", "motifs mémorisés"), ylim=(-4, 108))
    axes.set_ylabel(say("recalled (%)", "retrouvés (%)"))
    axes.legend(loc="center right")


def _plot_overfull(axes: Axes, result: Recalls) -> None:
    noisy, hebb, modern = result.overfull
    _plot_sheet(
        axes,
        [
            (say("{} noise", "bruit {}").format(percent(result.noise)), noisy),
            ("1982", hebb),
            (say("modern", "moderne"), modern),
        ],
    )
    title = say("All {} letters and digits stored", "{} lettres et chiffres mémorisés")
    axes.set_title(title.format(len(CHARACTERS)), loc="center")


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "No update of a neuron raises the energy, until the network rests in a valley: here a "
        "stored letter. Letters resemble each other, so far fewer of them than of random patterns "
        "can be stored by the Hebb rule of 1982; the modern update, which is attention, holds "
        "them all.",
        "Aucune mise à jour d'un neurone n'augmente l'énergie, jusqu'à ce que le réseau repose "
        "dans une vallée : ici une lettre mémorisée. Les lettres se ressemblent : la règle de Hebb "
        "de 1982 en mémorise bien moins que de motifs aléatoires. La règle moderne, qui est "
        "l'attention, les retient toutes.",
    ),
)
