"""An LSTM forecasts the landmarks of a talking face, against three simple forecasts."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from classifier.lessons.figure import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    new_figure,
    split_figure,
)
from classifier.lessons.language import Text, say
from classifier.lessons.lesson import Lesson, no_progress
from classifier.lessons.material.fitting import FloatArray, fit, seeded_module
from classifier.lessons.material.landmark_motion import FPS, landmark_motion
from faceswap.core.seeding import generator
from faceswap.demonstration.talking_head.motion import generate_gestures
from faceswap.geometry.landmarks68 import MOUTH, mouth_gap

METHODS = ("repeat", "velocity", "linear", "lstm")
PAST, AHEAD, TRAINED = 25, 25, 10
"""Frames that a forecast is made from, frames ahead, and frames ahead in training."""
SHOWN_HORIZONS = (2, 5, 10, 25)
_REGRESSED = 10
_COMPONENTS = 12
_HIDDEN = 96
_CLIP = 400
_NOISE = 0.004


@dataclass(frozen=True)
class Forecasts:
    """Forecasts of the landmarks of held-out clips, one to 25 frames ahead.

    Attributes:
        errors: Mean distance from the true landmarks for each method, ``(25,)``, in distances of
            the outer eye corners.
        mouth_errors: Errors of the 20 landmarks of the mouth alone, likewise.
        noise: Mean distance of the observed landmarks from the true ones.
        truth: ``(frames, 68, 2)`` true landmarks of one clip.
        starts: ``(K,)`` frames of that clip after which forecasts begin.
        forecasts: Forecasts after those frames for each method, ``(K, 25, 68, 2)``.
        clips: Number of clips the models were fitted on, of 16 seconds each.
        tests: Number of forecasts that the errors are means of.
    """

    errors: dict[str, FloatArray]
    mouth_errors: dict[str, FloatArray]
    noise: float
    truth: FloatArray
    starts: tuple[int, ...]
    forecasts: dict[str, FloatArray]
    clips: int
    tests: int


@dataclass(frozen=True)
class PrincipalMotion:
    """Landmarks as a few numbers: the principal components of their motion.

    Attributes:
        mean: Mean landmarks, ``(136,)``.
        axes: Orthonormal components, ``(K, 136)``.
        scale: Standard deviation along each, ``(K,)``.
    """

    mean: Tensor
    axes: Tensor
    scale: Tensor

    def encode(self, landmarks: Tensor) -> Tensor:
        """``(..., 68, 2)`` landmarks -> ``(..., K)`` numbers of variance one."""
        return (landmarks.flatten(-2) - self.mean) @ self.axes.T / self.scale

    def decode(self, codes: Tensor) -> Tensor:
        """``(..., K)`` numbers -> ``(..., 68, 2)`` landmarks."""
        return ((codes * self.scale) @ self.axes + self.mean).unflatten(-1, (68, 2))


class Forecaster(nn.Module):
    """LSTM that forecasts one frame after another, each from its own last forecast.

    Hochreiter and Schmidhuber (1997): Long short-term memory.

    Args:
        components: Numbers that describe a frame.
        hidden: Size of the hidden state.
        ahead: Number of frames to forecast.
    """

    def __init__(self, components: int, hidden: int, ahead: int) -> None:
        super().__init__()
        self.ahead = ahead
        self.lstm = nn.LSTM(2 * components, hidden, batch_first=True)
        self.change = nn.Linear(hidden, components)

    def forward(self, past: Tensor) -> Tensor:
        """``(B, T, K)`` past frames -> ``(B, ahead, K)`` next frames."""
        steps = past.diff(dim=1)
        output, state = self.lstm(torch.cat([past[:, 1:], 10 * steps], -1))
        last, forecast = past[:, -1], []
        while True:
            step = self.change(output[:, -1])
            last = last + step
            forecast.append(last)
            if len(forecast) == self.ahead:
                return torch.stack(forecast, 1)
            output, state = self.lstm(torch.cat([last, 10 * step], -1)[:, None], state)


def compute(
    seed: int = 0,
    clips: int = 60,
    test_clips: int = 12,
    steps: int = 1500,
    on_progress: Callable[[float], None] = no_progress,
) -> Forecasts:
    """Fit a linear model and an LSTM to landmarks of talking faces and forecast held-out clips.

    A landmarker's jitter is imitated: the models see noisy landmarks only, in training and in the
    test; the errors are those against the true ones.

    Args:
        seed: Seed of the motion, of the noise and of the initial weights.
        clips: Number of clips of 16 seconds to learn from.
        test_clips: Number of other clips to forecast.
        steps: Number of training steps of the LSTM.
        on_progress: Progress callback; see ``Lesson``.
    """
    _, observed = _record(clips, seed, "training")
    motion = _principal_motion(observed)
    windows = _windows(motion.encode(observed))
    truth, seen = _record(test_clips, seed, "test")
    pasts = _windows(motion.encode(seen))[:, :PAST]
    models = {
        "linear": _linear_model(windows),
        "lstm": _train(windows, motion, steps, seed, on_progress),
    }
    futures = _windows(truth)[:, PAST:]
    last = _windows(seen)[:, PAST - 5 : PAST]
    forecasts = {
        "repeat": last[:, -1:].expand_as(futures),
        "velocity": _constant_velocity(last),
    } | {name: motion.decode(model(pasts)) for name, model in models.items()}
    distances = {name: (each - futures).norm(dim=-1) for name, each in forecasts.items()}
    per_clip = len(futures) // test_clips
    return Forecasts(
        {name: each.mean((0, 2)).numpy() for name, each in distances.items()},
        {name: each[..., MOUTH].mean((0, 2)).numpy() for name, each in distances.items()},
        float((seen - truth).norm(dim=-1).mean()),
        truth[0].numpy(),
        _starts(),
        {name: each[:per_clip].numpy() for name, each in forecasts.items()},
        clips,
        len(futures),
    )


def _record(clips: int, seed: int, purpose: str) -> tuple[Tensor, Tensor]:
    """True and observed landmarks of clips of different motion, ``(clips, frames, 68, 2)``."""
    random = generator(seed, "clips", purpose)
    seeds = random.integers(2**31, size=clips).tolist()
    truth = np.stack([landmark_motion(generate_gestures(_CLIP, each, FPS)) for each in seeds])
    observed = truth + random.normal(0, _NOISE, truth.shape)
    return torch.from_numpy(truth).float(), torch.from_numpy(observed).float()


def _principal_motion(observed: Tensor) -> PrincipalMotion:
    flat = observed.flatten(0, 1).flatten(1)
    mean = flat.mean(0)
    _, spread, axes = torch.linalg.svd(flat - mean, full_matrices=False)
    scale = spread[:_COMPONENTS] / len(flat) ** 0.5
    return PrincipalMotion(mean, axes[:_COMPONENTS], scale)


def _starts() -> tuple[int, ...]:
    """Frames of a clip after which forecasts begin."""
    return tuple(range(PAST, _CLIP - AHEAD + 1, 5))


def _windows(tracks: Tensor) -> Tensor:
    """``(clips, frames, ...)`` tracks -> ``(N, 50, ...)`` windows, clip after clip."""
    starts = _starts()
    cut = [tracks[:, start - PAST : start + AHEAD] for start in starts]
    return torch.stack(cut, 1).flatten(0, 1)


def _constant_velocity(last: Tensor) -> Tensor:
    """Continue with the mean velocity of the last five frames."""
    velocity = (last[:, -1] - last[:, 0]) / (last.shape[1] - 1)
    ahead = torch.arange(1, AHEAD + 1).view(1, -1, 1, 1)
    return last[:, -1:] + ahead * velocity[:, None]


def _linear_model(windows: Tensor) -> Callable[[Tensor], Tensor]:
    """Least squares from the last ten frames to each of the next ones."""

    def regressors(past: Tensor) -> Tensor:
        flat = past[:, -_REGRESSED:].flatten(1).double()
        return torch.cat([flat, torch.ones(len(flat), 1, dtype=torch.float64)], 1)

    inputs, targets = regressors(windows[:, :PAST]), windows[:, PAST:].flatten(1).double()
    solved = torch.linalg.lstsq(inputs, targets).solution
    return lambda past: (regressors(past) @ solved).float().unflatten(1, (AHEAD, -1))


def _train(
    windows: Tensor,
    motion: PrincipalMotion,
    steps: int,
    seed: int,
    on_progress: Callable[[float], None],
) -> Callable[[Tensor], Tensor]:
    module = seeded_module(lambda: Forecaster(len(motion.scale), _HIDDEN, TRAINED), seed)
    assert isinstance(module, Forecaster)
    # Errors in units of the landmarks: the first components move most of them.
    weight = motion.scale / motion.scale.max()
    fit(
        module,
        windows[:, :PAST],
        windows[:, PAST : PAST + TRAINED],
        steps=steps,
        batch=64,
        lr=4e-3,
        seed=seed,
        loss=lambda forecast, future: (weight * (forecast - future)).square().sum(-1).mean(),
        on_step=lambda _step, _loss: on_progress(1 / steps),
    )
    module.ahead = AHEAD
    return torch.no_grad()(module)


def describe(result: Forecasts) -> list[str]:
    """Describe the errors by method and number of frames ahead."""
    horizons = [1, *SHOWN_HORIZONS]
    head = ", ".join(f"{horizon}" for horizon in horizons)
    lines = []
    for name in METHODS:
        whole, mouth = (
            ", ".join(f"{100 * errors[name][horizon - 1]:.1f}" for horizon in horizons)
            for errors in (result.errors, result.mouth_errors)
        )
        lines.append(f"{name:>8}: {whole}; mouth alone: {mouth}")
    return [
        f"{result.clips} clips of {_CLIP / FPS:.0f} s, {result.tests} forecasts of others; "
        f"landmarks observed with an error of {100 * result.noise:.1f} %",
        f"Error in per cent of the eye distance, {head} frames ahead ({FPS} frames a second):",
        *lines,
    ]


def plot(result: Forecasts) -> Figure:
    """Plot forecasts of the mouth opening, errors by frames ahead, and a forecast face."""
    figure = new_figure(6.2)
    above, below = split_figure(figure, 0.8)
    _plot_mouth(above.subplots(), result)
    errors, faces = np.asarray(below.subplots(1, 2, width_ratios=(1.1, 1))).tolist()
    _plot_errors(errors, result)
    _plot_faces(faces, result)
    return figure


def _plot_mouth(axes: Axes, result: Forecasts) -> None:
    first, seconds = PAST, 6
    frames = np.arange(first - 5, first + seconds * FPS)
    opening = 100 * mouth_gap(result.truth)
    axes.plot(
        frames / FPS, opening[frames], color=GREY, lw=4, alpha=0.35, label=say("true", "réel")
    )
    for name in ("linear", "lstm"):
        colour, label = _style(name)
        for index in range(0, len(result.starts), 3):
            start = result.starts[index]
            if start + TRAINED > frames[-1]:
                break
            forecast = 100 * mouth_gap(result.forecasts[name][index, :TRAINED])
            time = np.arange(start, start + TRAINED) / FPS
            (line,) = axes.plot(time, forecast, color=colour, lw=1.6)
            axes.plot(time[0], forecast[0], ".", color=colour, ms=5)
            if index == 0:
                line.set_label(label)
    axes.set_title(
        say(
            "Mouth opening, forecast {} frames ahead",
            "Ouverture de la bouche, prévue sur {} images",
        ).format(TRAINED)
    )
    axes.set(xlabel=say("time (s)", "temps (s)"), xlim=(frames[0] / FPS, frames[-1] / FPS))
    axes.set_ylabel(say("opening (% eye distance)", "ouverture (% de l'écart des yeux)"))
    axes.legend(ncols=3, loc="upper right", bbox_to_anchor=(1, 1.2))


def _style(name: str) -> tuple[str, str]:
    """Colour and label of a method."""
    return {
        "repeat": (GREEN, say("repeat last frame", "répéter l'image")),
        "velocity": (PURPLE, say("constant velocity", "vitesse constante")),
        "linear": (ORANGE, say("linear model", "modèle linéaire")),
        "lstm": (BLUE, "LSTM"),
    }[name]


def _plot_errors(axes: Axes, result: Forecasts) -> None:
    ahead = np.arange(1, AHEAD + 1)
    for name in METHODS:
        colour, label = _style(name)
        axes.plot(ahead, 100 * result.errors[name], color=colour, label=label)
    axes.axvline(TRAINED, color=GREY, lw=1, ls="--")
    axes.text(TRAINED + 0.4, 0.5, say("trained up to here", "entraîné jusqu'ici"), fontsize=8)
    axes.set_title(say("All landmarks", "Tous les repères"))
    axes.set(xlabel=say("frames ahead", "images à l'avance"), xlim=(1, AHEAD))
    axes.set_ylabel(say("error (% eye distance)", "erreur (% de l'écart des yeux)"))
    axes.set_ylim(0, 130 * max(result.errors["repeat"].max(), result.errors["lstm"].max()))
    axes.legend(loc="upper left")


def _plot_faces(axes: Axes, result: Forecasts) -> None:
    shown = _typical(result)
    start = result.starts[shown]
    for place, horizon in enumerate(SHOWN_HORIZONS):
        offset = np.array([2.1 * (place % 2), 2.2 * (place // 2)])
        centre = result.truth[start + horizon - 1].mean(0)
        for points, colour, size in (
            (result.truth[start + horizon - 1], GREY, 13),
            (result.forecasts["lstm"][shown, horizon - 1], BLUE, 4),
        ):
            axes.scatter(*(points - centre + offset).T, s=size, color=colour, linewidths=0)
        text = say("{} frames", "{} images").format(horizon)
        axes.text(offset[0], offset[1] - 0.95, text, ha="center", fontsize=8.5, color=INK)
    axes.set(aspect="equal", ylim=(3.3, -1.2), xlim=(-1.1, 3.2))
    axes.set_axis_off()
    title = say("True (grey) and LSTM (blue)", "Réel (gris) et LSTM (bleu)")
    axes.set_title(title, loc="center")


def _typical(result: Forecasts) -> int:
    """The forecast of the clip whose error after a second is the median."""
    futures = np.stack([result.truth[start : start + AHEAD] for start in result.starts])
    error = np.linalg.norm(result.forecasts["lstm"] - futures, axis=-1)[:, -1].mean(-1)
    return int(np.argsort(error)[len(error) // 2])


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "From one second of landmarks, the LSTM forecasts the next frames, each from its own last "
        "forecast: good for a few frames, and drifting after that. Compare it with the simple "
        "forecasts before you call it good: a linear model of the last ten frames is hard to beat.",
        "À partir d'une seconde de repères, le LSTM prévoit les images suivantes, chacune à partir "
        "de sa propre prévision : juste pour quelques images, puis il dérive. Comparez-le aux "
        "prévisions simples avant de le juger bon : un modèle linéaire des dix dernières images "
        "est difficile à battre.",
    ),
)
