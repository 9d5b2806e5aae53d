"""A thrown ball: a model found from measurements, against the formula of the physicist."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from torch.nn import functional as F

from classifier.lessons.figure import BLUE, GREY, INK, ORANGE, PALE, PURPLE, new_figure
from classifier.lessons.language import Text, number, say
from classifier.lessons.lesson import Lesson, no_progress
from classifier.lessons.material.fitting import fit, outputs, seeded_module
from classifier.models.activations import find_activation
from classifier.models.mlp import MLP
from faceswap.core.seeding import generator

FloatArray = NDArray[np.float64]

GRAVITY = 9.81
"""In m/s^2."""
DRAG = 0.02
"""Deceleration by air divided by the squared speed, in 1/m: about that of a tennis ball."""
SPEEDS = (10.0, 20.0)
"""Range of the initial speeds that are measured, in m/s."""
ANGLES = (20.0, 65.0)
"""Range of the initial angles, in degrees above the ground."""
NOISE = 0.1
"""Standard deviation of a measured height, in m."""
WORLDS = {"vacuum": 0.0, "air": DRAG}
"""Drag by world."""
_FASTER = (5.0, 30.0)
"""Range of the speeds of the test, in m/s."""
_PER_THROW = 10
_EXAMPLES = (10, 30, 100, 300, 1000)
_SHOWN = ((18.0, 50.0), (28.0, 50.0))
"""Speed in m/s and angle in degrees of the plotted throws: inside and outside of the training."""


@dataclass(frozen=True)
class Throws:
    """Points on the trajectories of throws.

    Attributes:
        speed: ``(N,)`` initial speeds in m/s.
        angle: ``(N,)`` initial angles in degrees.
        x: ``(N, P)`` distances from the thrower in m, up to the landing.
        y: ``(N, P)`` heights above the thrower's hand in m.
    """

    speed: FloatArray
    angle: FloatArray
    x: FloatArray
    y: FloatArray


@dataclass(frozen=True)
class Model:
    """A network that predicts heights.

    Attributes:
        network: Network of three scaled inputs (speed, angle, distance), and one output.
        scale: Mean and standard deviation, each ``(4,)``, of the measured speed, angle, distance
            and height.
    """

    network: torch.nn.Module
    scale: tuple[FloatArray, FloatArray]

    def height(self, throws: Throws) -> FloatArray:
        """Predict the ``(N, P)`` heights in m at the distances of throws."""
        inputs = (_inputs(throws) - self.scale[0][:3]) / self.scale[1][:3]
        scaled = outputs(self.network, torch.from_numpy(inputs).float(), batch=8192)[:, 0]
        heights = scaled.double().numpy() * self.scale[1][3] + self.scale[0][3]
        return heights.reshape(throws.x.shape)


@dataclass(frozen=True)
class ShownThrow:
    """One throw in air, as it is, by formula and by model.

    Attributes:
        throw: True trajectory.
        formula: ``(P,)`` heights by the formula without air, in m.
        model: ``(P,)`` heights by the model, in m.
        measured: ``(M, 2)`` measured distances and heights in m; empty outside of the training.
    """

    throw: Throws
    formula: FloatArray
    model: FloatArray
    measured: FloatArray


@dataclass(frozen=True)
class Trajectories:
    """Errors of a model found from data and of the formula, in vacuum and in air.

    An error is the root of the mean squared difference from the true height, in m.

    Attributes:
        examples: Numbers of measured throws.
        errors: ``(len(examples), repeats)`` errors of the model, by world, for throws like those
            measured.
        formula: Error of the formula for the same throws, by world.
        speeds: ``(S,)`` speeds in m/s, inside and outside of the measured range.
        by_speed: ``(S,)`` errors of the model from most throws at each speed, by world.
        formula_by_speed: ``(S,)`` errors of the formula in air at each speed.
        shown: Two throws in air: of a measured speed, and faster.
    """

    examples: tuple[int, ...]
    errors: dict[str, FloatArray]
    formula: dict[str, float]
    speeds: FloatArray
    by_speed: dict[str, FloatArray]
    formula_by_speed: FloatArray
    shown: tuple[ShownThrow, ShownThrow]


def compute(
    seed: int = 0,
    examples: tuple[int, ...] = _EXAMPLES,
    repeats: int = 2,
    steps: int = 1200,
    on_progress: Callable[[float], None] = no_progress,
) -> Trajectories:
    """Train networks on measured throws, and compare them with the formula.

    Args:
        seed: Seed of the throws, of the noise and of the initial weights.
        examples: Numbers of measured throws.
        repeats: Trainings for each number, with other throws and other initial weights.
        steps: Training steps of each network.
        on_progress: Progress callback; see ``Lesson``.
    """
    errors, formula_errors, by_speed, models = {}, {}, {}, {}
    speeds = np.linspace(*_FASTER, 26)
    for world, drag in WORLDS.items():
        test = sample_throws(300, seed, "test", drag)
        errors[world] = np.zeros((len(examples), repeats))
        for row, count in enumerate(examples):
            for repeat in range(repeats):
                models[world] = learn(count, drag, steps, seed, repeat)
                errors[world][row, repeat] = _error(models[world].height(test), test.y)
                on_progress(1 / (len(WORLDS) * len(examples) * repeats))
        formula_errors[world] = _error(formula(test), test.y)
        throws = [_of_speed(speed, drag) for speed in speeds]
        by_speed[world] = np.array([_error(models[world].height(one), one.y) for one in throws])
    in_air = [_of_speed(speed, DRAG) for speed in speeds]
    formula_by_speed = np.array([_error(formula(one), one.y) for one in in_air])
    shown = _shown(models["air"], 0, seed), _shown(models["air"], 1, seed)
    return Trajectories(examples, errors, formula_errors, speeds, by_speed, formula_by_speed, shown)


def formula(throws: Throws) -> FloatArray:
    """Heights by the law of motion without air: x tan(a) - g x^2 / (2 v^2 cos(a)^2)."""
    angle = np.deg2rad(throws.angle)[:, None]
    fall = GRAVITY * throws.x**2 / (2 * throws.speed[:, None] ** 2 * np.cos(angle) ** 2)
    return throws.x * np.tan(angle) - fall


def fly(
    speed: FloatArray, angle: FloatArray, moments: FloatArray, drag: float
) -> tuple[FloatArray, FloatArray]:
    """Follow throws from the hand to the height of the hand, with drag against the motion.

    Args:
        speed: ``(N,)`` initial speeds in m/s.
        angle: ``(N,)`` initial angles in degrees.
        moments: ``(N, P)`` moments as fractions of the flight, in [0, 1].
        drag: Deceleration by air divided by the squared speed, in 1/m; 0 for vacuum.

    Returns:
        ``(N, P)`` distances and heights at these moments, in m.
    """
    radians = np.deg2rad(angle)
    start = np.concatenate([0 * speed, 0 * speed, speed * np.cos(radians), speed * np.sin(radians)])

    def motion(_time: float, state: FloatArray) -> FloatArray:
        _, _, right, up = state.reshape(4, -1)
        slowing = drag * np.hypot(right, up)
        return np.concatenate([right, up, -slowing * right, -slowing * up - GRAVITY])

    # Without air a throw lasts longest.
    longest = 2 * float((speed * np.sin(radians)).max()) / GRAVITY
    times = np.linspace(0, longest, 400)
    path = solve_ivp(motion, (0, longest), start, t_eval=times, rtol=1e-7, atol=1e-7).y
    x, y = path[: 2 * len(speed)].reshape(2, len(speed), -1)
    distance, height = np.empty_like(moments), np.empty_like(moments)
    for row in range(len(speed)):
        down = int(np.flatnonzero(y[row] >= 0)[-1])
        after = min(down + 1, len(times) - 1)
        fall = y[row, down] - y[row, after]
        landing = times[down] + (times[1] * y[row, down] / fall if fall > 0 else 0)
        distance[row] = np.interp(moments[row] * landing, times, x[row])
        height[row] = np.interp(moments[row] * landing, times, y[row])
    return distance, height


def sample_throws(count: int, seed: int, purpose: str, drag: float) -> Throws:
    """Sample throws of the measured speeds and angles, at random moments of the flight.

    Args:
        count: Number of throws.
        seed: Random seed.
        purpose: Purpose of the throws: others for each.
        drag: Deceleration by air divided by the squared speed, in 1/m.
    """
    random = generator(seed, "throws", purpose)
    speed, angle = random.uniform(*SPEEDS, count), random.uniform(*ANGLES, count)
    moments = random.uniform(0, 1, (count, _PER_THROW))
    return Throws(speed, angle, *fly(speed, angle, moments, drag))


def _of_speed(speed: float, drag: float) -> Throws:
    """Throws of one speed and of all measured angles."""
    angle = np.linspace(*ANGLES, 10)
    speeds = np.full(len(angle), speed)
    moments = np.tile(np.linspace(0, 1, 20), (len(angle), 1))
    return Throws(speeds, angle, *fly(speeds, angle, moments, drag))


def measured(throws: Throws, seed: int, purpose: str) -> FloatArray:
    """``(N, P)`` heights in m with the noise of a measurement."""
    return throws.y + generator(seed, "noise", purpose).normal(0, NOISE, throws.y.shape)


def learn(count: int, drag: float, steps: int, seed: int, repeat: int) -> Model:
    """Measure throws, and train a network that predicts height from speed, angle and distance.

    Args:
        count: Number of throws.
        drag: Deceleration by air divided by the squared speed, in 1/m.
        steps: Training steps.
        seed: Random seed.
        repeat: Number of the repeat: other throws, noise and initial weights for each.
    """
    purpose = f"training {repeat}"
    throws = sample_throws(count, seed, purpose, drag)
    heights = measured(throws, seed, purpose).reshape(-1, 1)
    table = np.concatenate([_inputs(throws), heights], 1)
    mean, deviation = table.mean(0), table.std(0)
    scaled = torch.from_numpy((table - mean) / deviation).float()
    network = seeded_module(
        lambda: MLP(3, (48, 48), 1, find_activation("tanh")), 1000 * seed + repeat
    )
    fit(
        network,
        scaled[:, :3],
        scaled[:, 3:],
        steps=steps,
        batch=256,
        lr=1e-2,
        seed=repeat,
        loss=F.mse_loss,
    )
    return Model(network, (mean, deviation))


def _inputs(throws: Throws) -> FloatArray:
    """``(N * P, 3)`` speed, angle and distance of each point."""
    shape = throws.x.shape
    speed, angle = (np.broadcast_to(one[:, None], shape) for one in (throws.speed, throws.angle))
    return np.stack([speed, angle, throws.x], -1).reshape(-1, 3)


def _error(predicted: FloatArray, true: FloatArray) -> float:
    return float(np.sqrt(((predicted - true) ** 2).mean()))


def _shown(model: Model, index: int, seed: int) -> ShownThrow:
    speed, angle = (np.array([value]) for value in _SHOWN[index])
    throw = Throws(speed, angle, *fly(speed, angle, np.linspace(0, 1, 80)[None], DRAG))
    points = np.empty((0, 2))
    if index == 0:
        twelve = Throws(speed, angle, throw.x[:, 5::6], throw.y[:, 5::6])
        points = np.stack([twelve.x[0], measured(twelve, seed, "shown")[0]], 1)
    return ShownThrow(throw, formula(throw)[0], model.height(throw)[0], points)


def describe(result: Trajectories) -> list[str]:
    """Describe the errors by the number of throws, and inside and outside of the training."""
    low, high = SPEEDS
    lines = [
        f"Error (root mean square) for throws of {low:g} to {high:g} m/s; measurements have "
        f"{NOISE:g} m of noise:"
    ]
    for world in WORLDS:
        errors = zip(result.examples, result.errors[world].mean(1), strict=True)
        lines.append(
            f"{world}: formula {result.formula[world]:.2f} m; model "
            + ", ".join(f"{error:.2f} m from {count}" for count, error in errors)
            + " throws"
        )
    for speed in (15, 25, 30):
        index = int(np.abs(result.speeds - speed).argmin())
        vacuum, air = (result.by_speed[world][index] for world in WORLDS)
        lines.append(
            f"At {speed} m/s: model {vacuum:.2f} m in vacuum, {air:.2f} m in air; formula in air "
            f"{result.formula_by_speed[index]:.2f} m"
        )
    return lines


_STYLES = {
    "air": (BLUE, "o", Text("model, air", "modèle, air")),
    "vacuum": (PURPLE, "s", Text("model, vacuum", "modèle, vide")),
}


def plot(result: Trajectories) -> Figure:
    """Plot two throws, and the errors by speed and by the number of measured throws."""
    figure = new_figure(6.2)
    (inside, outside), (speed, examples) = figure.subplots(2, 2)
    for axes, one in zip((inside, outside), result.shown, strict=True):
        _plot_throw(axes, one)
    inside.legend(loc="lower center")
    inside.set_title(say("A throw like those measured", "Un lancer comme ceux mesurés"))
    outside.set_title(say("Faster than all measured", "Plus rapide que tous ceux mesurés"))
    speed.axvspan(*SPEEDS, color=PALE, zorder=0)
    for world, (colour, marker, label) in _STYLES.items():
        speed.semilogy(result.speeds, result.by_speed[world], color=colour, label=str(label))
        errors = result.errors[world]
        examples.loglog(
            result.examples, errors.mean(1), color=colour, marker=marker, label=str(label)
        )
        examples.fill_between(
            result.examples, errors.min(1), errors.max(1), color=colour, alpha=0.15, linewidth=0
        )
    label = say("formula, air", "équation, air")
    speed.semilogy(result.speeds, result.formula_by_speed, "--", color=ORANGE, label=label)
    examples.axhline(result.formula["air"], color=ORANGE, linestyle="--", label=label)
    speed.set(xlabel=say("speed (m/s)", "vitesse (m/s)"), ylabel=say("error (m)", "erreur (m)"))
    speed.set_title(
        say("Error by speed (grey: measured)", "Erreur selon la vitesse (gris : mesurées)")
    )
    examples.axhline(NOISE, color=GREY, linestyle=":", linewidth=1.2)
    examples.set_xlabel(say("measured throws", "lancers mesurés"))
    examples.set_xticks(result.examples, [number(count) for count in result.examples])
    examples.minorticks_off()
    examples.set_title(say("Error by amount of data", "Erreur selon la quantité de données"))
    examples.legend(loc="center right", fontsize=8)
    return figure


def _plot_throw(axes: Axes, one: ShownThrow) -> None:
    x = one.throw.x[0]
    axes.axhline(0, color=GREY, linewidth=0.8)
    true, formula_label, model = (
        say("true, in air", "vrai, dans l'air"),
        say("formula, without air", "équation, sans air"),
        say("model from data", "modèle appris"),
    )
    axes.plot(x, one.throw.y[0], color=INK, linewidth=4, alpha=0.3, label=true)
    axes.plot(x, one.formula, "--", color=ORANGE, label=formula_label)
    axes.plot(x, one.model, color=BLUE, label=model)
    axes.plot(*one.measured.T, ".", color=INK, markersize=5)
    axes.set(xlabel=say("distance (m)", "distance (m)"), ylabel=say("height (m)", "hauteur (m)"))


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "In air, at the measured speeds, a model of enough throws is far closer than the formula "
        "without air; outside of them its errors grow many times, and nothing warns. In vacuum the "
        "formula is exact, and the model only approaches it (dotted: noise of a measurement; "
        "bands: several sets of throws).",
        "Dans l'air, aux vitesses mesurées, un modèle appris à partir d'assez de lancers est bien "
        "plus juste que l'équation sans air ; en dehors, ses erreurs se multiplient, et rien n'en "
        "avertit. Dans le vide, l'équation est exacte et le modèle ne fait que s'en approcher "
        "(pointillé : bruit d'une mesure ; bandes : plusieurs séries de lancers).",
    ),
)
