"""One layer in pure Python, NumPy and torch: operations per second, and what they mean."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from classifier.lessons.figure import BLUE, GREEN, GREY, ORANGE, PURPLE, new_figure
from classifier.lessons.language import Text, number, say
from classifier.lessons.lesson import Lesson, no_progress
from classifier.lessons.material.fitting import FloatArray
from classifier.models import build_network
from faceswap.core.device import pick_device
from faceswap.core.processes import local_threads
from faceswap.core.seeding import generator
from faceswap.core.threads import operator_threads

UNITS = 4096
"""Inputs and units of the layer: the second dense layer of AlexNet."""
PICTURES = 90 * 1_280_000
"""Pictures that AlexNet sees in its training: 90 epochs of ImageNet."""
DAYS_OF_2012 = 5.5
"""Days of that training on two GPUs in 2012: "between five and six" in the paper."""
_CHECKED = 4
"""Pictures whose outputs are compared between the ways."""
_FEWEST, _LONG_ENOUGH = 64, 0.05
"""A product is timed with as many pictures, or more, until it takes so many seconds."""


@dataclass(frozen=True)
class Way:
    """A way to compute the layer.

    Attributes:
        label: Name of the way.
        colour: Colour of its bar.
        convert: Converts a ``float32`` array to what ``multiply`` takes.
        multiply: Multiplies ``(B, inputs)`` pictures and ``(units, inputs)`` weights; returns the
            ``(B, units)`` products once they are computed.
        restore: Converts the products to an array.
        threads: Number of threads that torch may use.
        units: Largest number of units to compute.
        pictures: Largest number of pictures in a product.
    """

    label: Text
    colour: str
    convert: Callable[[FloatArray], Any]
    multiply: Callable[[Any, Any], Any]
    restore: Callable[[Any], NDArray[np.floating]] = np.asarray
    threads: int = 1
    units: int = UNITS
    pictures: int = 16_384


@dataclass(frozen=True)
class Speed:
    """Measured speed of a way.

    Attributes:
        label: Name of the way.
        colour: Colour of its bar.
        operations: Multiplications and additions of the timed product.
        seconds: Time of each repeat.
        error: Root mean square difference from the products in double precision, as a fraction of
            the root mean square product.
    """

    label: Text
    colour: str
    operations: int
    seconds: tuple[float, ...]
    error: float

    @property
    def best(self) -> float:
        """Operations per second of the fastest repeat: other programs can only slow one down."""
        return self.operations / min(self.seconds)

    @property
    def median(self) -> float:
        """Operations per second of the median repeat."""
        return self.operations / float(np.median(self.seconds))


@dataclass(frozen=True)
class ComputingPower:
    """Speed of each way, and the operations of AlexNet's training.

    Attributes:
        speeds: Measured speeds, the slowest first.
        forward: Operations (multiplications and additions) of AlexNet for one picture.
        step: Operations for one picture in training, forward and backward.
        cores: Number of CPU cores that may be used.
        numpy_threads: Largest number of threads of a matrix product in NumPy.
    """

    speeds: tuple[Speed, ...]
    forward: int
    step: int
    cores: int
    numpy_threads: int

    @property
    def training(self) -> int:
        """Operations of the whole training."""
        return PICTURES * self.step


def compute(
    seed: int = 0,
    repeats: int = 15,
    units: int = UNITS,
    on_progress: Callable[[float], None] = no_progress,
) -> ComputingPower:
    """Time a dense layer in all ways that this machine has, and count the operations of AlexNet.

    Krizhevsky, Sutskever and Hinton (2012): ImageNet classification with deep convolutional neural
    networks. The network is torchvision's, of nearly the same cost.

    Args:
        seed: Seed of inputs and weights. Times vary from run to run.
        repeats: Number of times that each product is timed.
        units: Inputs and units of the layer.
        on_progress: Progress callback; see ``Lesson``.
    """
    ways, speeds = available_ways(), []
    for way in ways:
        speeds.append(_measure(way, units, repeats, seed))
        on_progress(1 / len(ways))
    forward, step = alexnet_operations()
    slowest_first = tuple(sorted(speeds, key=lambda speed: speed.best))
    return ComputingPower(slowest_first, forward, step, local_threads(), _numpy_threads())


def available_ways() -> list[Way]:
    """List the ways that this machine has; pure Python takes one picture and few units."""
    cores, cpu, gpu = local_threads(), torch.device("cpu"), pick_device()
    ways = [
        Way(
            Text("pure Python", "Python pur"),
            ORANGE,
            lambda array: array.tolist(),
            multiply_lists,
            units=64,
            pictures=1,
        ),
        Way(Text("NumPy", "NumPy"), PURPLE, np.asarray, lambda x, weights: x @ weights.T),
        _torch_way(Text("torch, 1 core", "torch, 1 cœur"), BLUE, cpu, torch.float32, 1),
    ]
    if cores > 1:
        label = Text(f"torch, {cores} cores", f"torch, {cores} cœurs")
        ways.append(_torch_way(label, BLUE, cpu, torch.float32, cores))
    label = Text("torch, bf16, 1 core", "torch, bf16, 1 cœur")
    ways.append(_torch_way(label, BLUE, cpu, torch.bfloat16, 1))
    if gpu.type != "cpu":
        for dtype, name in ((torch.float32, "fp32"), (torch.bfloat16, "bf16")):
            label = Text(f"GPU, {name}", f"GPU, {name}")
            ways.append(_torch_way(label, GREEN, gpu, dtype, 1))
    return ways


def multiply_lists(pictures: list[list[float]], weights: list[list[float]]) -> list[list[float]]:
    """Compute a layer with nothing but loops.

    Args:
        pictures: Inputs of each picture.
        weights: Weights of each unit, one for each input.

    Returns:
        Outputs of each picture, one for each unit.
    """
    outputs = []
    for picture in pictures:
        row = []
        for unit in weights:
            total = 0.0
            for value, weight in zip(picture, unit, strict=True):
                total += value * weight
            row.append(total)
        outputs.append(row)
    return outputs


def _torch_way(
    label: Text, colour: str, device: torch.device, dtype: torch.dtype, threads: int
) -> Way:
    def multiply(pictures: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        products = F.linear(pictures, weights)
        # A GPU computes in the background: reading a value waits for it.
        products[-1, -1].item()
        return products

    return Way(
        label,
        colour,
        lambda array: torch.from_numpy(array).to(device, dtype),
        multiply,
        lambda products: products.float().cpu().numpy(),
        threads,
    )


def _measure(way: Way, units: int, repeats: int, seed: int) -> Speed:
    """Double the pictures until a product takes long enough, then time it."""
    random = generator(seed, "layer")
    weights = random.standard_normal((min(way.units, units), units), np.float32)
    pictures = random.standard_normal((_CHECKED, units), np.float32)
    given = way.convert(weights)
    with operator_threads(way.threads):
        error = _error(way.restore(way.multiply(way.convert(pictures), given)), pictures, weights)
        count = min(_FEWEST, way.pictures)
        batch = way.convert(np.resize(pictures, (count, units)))
        while 2 * count <= way.pictures and min(_times(way, batch, given, 2)) < _LONG_ENOUGH:
            count *= 2
            batch = way.convert(np.resize(pictures, (count, units)))
        times = _times(way, batch, given, repeats)
    return Speed(way.label, way.colour, product_operations(count, *weights.shape), times, error)


def _times(way: Way, pictures: Any, weights: Any, repeats: int) -> tuple[float, ...]:
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        way.multiply(pictures, weights)
        times.append(time.perf_counter() - begun)
    return tuple(times)


def _error(products: NDArray[np.floating], pictures: FloatArray, weights: FloatArray) -> float:
    exact = pictures.astype(np.float64) @ weights.astype(np.float64).T
    return float(np.sqrt(((products - exact) ** 2).mean() / (exact**2).mean()))


def product_operations(pictures: int, units: int, inputs: int) -> int:
    """Count the operations of a product: a multiplication and an addition for each weight."""
    return 2 * pictures * units * inputs


def alexnet_operations() -> tuple[int, int]:
    """Let torch count AlexNet's operations for one picture.

    Returns:
        Multiplications and additions of the forward computation, and of a training step.
    """
    # The meta device has shapes but no values: nothing is computed.
    with torch.device("meta"):
        built = build_network("alexnet", 1000, {})
        picture = torch.zeros(1, 3, built.input.size, built.input.size)
    with FlopCounterMode(display=False) as counter:
        logits = built.module(picture)
        forward = counter.get_total_flops()
        logits.sum().backward()
    return forward, counter.get_total_flops()


def _numpy_threads() -> int:
    """Threads of NumPy's matrix products: only the environment can limit them."""
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(name, "").isdecimal():
            return int(os.environ[name])
    return local_threads()


_DAY = 86_400.0
_LENGTHS = (
    (100 * 365.25 * _DAY, ("century", "centuries"), ("siècle", "siècles")),
    (365.25 * _DAY, ("year", "years"), ("an", "ans")),
    (_DAY, ("day", "days"), ("jour", "jours")),
    (3600.0, ("hour", "hours"), ("heure", "heures")),
    (60.0, ("minute", "minutes"), ("minute", "minutes")),
    (1.0, ("second", "seconds"), ("seconde", "secondes")),
)


def duration(seconds: float) -> str:
    """Write a time in its largest unit, such as 2.5 hours, in the language that is spoken."""
    length, english, french = next(
        (each for each in _LENGTHS if round(seconds / each[0], 1) >= 1), _LENGTHS[-1]
    )
    value = round(seconds / length, 1)
    # In French everything below 2 is singular.
    return f"{_rounded(value)} {say(english[value != 1], french[value >= 2])}"


def rate(operations: float) -> str:
    """Write operations per second with a prefix, such as 2.5 G, in the language that is spoken."""
    size, prefix = next(
        (each for each in ((1e12, "T"), (1e9, "G")) if operations >= each[0]), (1e6, "M")
    )
    return f"{_rounded(operations / size)} {prefix}"


def _rounded(value: float) -> str:
    """Two digits, or all before the decimal mark."""
    tenths = round(value, 1)
    return number(value, 0 if value >= 10 or tenths == int(tenths) else 1)


def _two_digits(ratio: float) -> float:
    """Times vary too much between runs for more digits."""
    return float(f"{ratio:.2g}")


def describe(result: ComputingPower) -> list[str]:
    """Describe the operations of AlexNet, and for each way its speed and the time it would take."""
    slowest = result.speeds[0].best
    lines = [
        f"AlexNet: {result.forward / 1e9:.2f} billion operations for a picture "
        f"({result.forward / 2e9:.2f} billion multiply-adds), {result.step / 1e9:.2f} billion in "
        f"training; {result.training:.2g} for {PICTURES:,} pictures",
        f"CPU cores: {result.cores}; NumPy may use {result.numpy_threads} thread(s)",
    ]
    for speed in result.speeds:
        lines.append(
            f"{speed.label.english:>19}: {rate(speed.best):>5} operations/s (median "
            f"{rate(speed.median)}), x{_two_digits(speed.best / slowest):,.0f}; relative error "
            f"{speed.error:.0e}; AlexNet: {duration(result.training / speed.best)}"
        )
    return lines


def plot(result: ComputingPower) -> Figure:
    """Plot the speeds on a logarithmic scale that also reads as the duration of the training."""
    figure = new_figure(1.6 + 0.42 * (len(result.speeds) + 1))
    axes = figure.subplots()
    slowest, past = result.speeds[0].best, result.training / (DAYS_OF_2012 * _DAY)
    bars = [(str(each.label), each.best, each.colour) for each in result.speeds]
    bars.append((say("two GPUs in 2012*", "deux GPU en 2012*"), past, GREY))
    bars.sort(key=lambda bar: bar[1])
    for row, (_, speed, colour) in enumerate(bars):
        hatch = "///" if colour == GREY else None
        axes.barh(row, speed, color="white" if hatch else colour, edgecolor=colour, hatch=hatch)
        ratio = number(_two_digits(speed / slowest))
        told = f"×{ratio} · {duration(result.training / speed)}"
        axes.annotate(told, (speed, row), (5, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(bars)), [label for label, _, _ in bars])
    axes.grid(visible=False, axis="y")
    axes.invert_yaxis()
    _scale(axes, slowest, max(speed for _, speed, _ in bars))
    _add_durations(axes, result.training)
    return figure


def _scale(axes: Axes, slowest: float, fastest: float) -> None:
    # The text beside the longest bar needs a quarter of the width.
    low = slowest / 10
    axes.set(xscale="log", xlim=(low, fastest * (fastest / low) ** 0.45))
    powers = [10.0**power for power in range(5, 17) if low <= 10.0**power <= axes.get_xlim()[1]]
    axes.set_xticks(powers, [rate(power) for power in powers])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(
        say(
            "operations per second (M: million, G: billion, T: trillion)",
            "opérations par seconde (M : million, G : milliard, T : mille milliards)",
        ),
        loc="left",
    )


def _add_durations(axes: Axes, operations: int) -> None:
    """Add the time that the operations take as a second scale."""
    above = axes.secondary_xaxis("top")
    marks = [length for length, _, _ in _LENGTHS] + [1000 * 365.25 * _DAY]
    low, high = axes.get_xlim()
    marks = [mark for mark in marks if low <= operations / mark <= high]
    above.set_xticks([operations / mark for mark in marks], [duration(mark) for mark in marks])
    above.xaxis.set_minor_locator(NullLocator())
    above.set_xlabel(
        say("training of AlexNet would take", "l'entraînement d'AlexNet prendrait"), loc="left"
    )


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "The same layer, computed in different ways; the scales are logarithmic: each grid line is "
        "ten times as fast as the one before. Beside the bars: times as fast as the slowest, and "
        "how long AlexNet's training would take at this speed. * From the paper's \"five to six "
        'days", not measured.',
        "La même couche, calculée de différentes façons ; les échelles sont logarithmiques : "
        "chaque ligne de la grille vaut dix fois la précédente. À côté des barres : combien de "
        "fois plus vite que la plus lente, et la durée de l'entraînement d'AlexNet à cette "
        "vitesse. * D'après les « cinq à six jours » de l'article, non mesuré.",
    ),
)
