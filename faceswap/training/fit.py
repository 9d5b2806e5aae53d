"""Finds the largest batch of a training, and what to change where a batch does not fit."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from faceswap.core.batch_size_finder import StateMemory, largest
from faceswap.core.config import parse_config
from faceswap.core.device_memory import Capacity
from faceswap.core.errors import ConfigError
from faceswap.models import build_model, check_options
from faceswap.models.guided import GuidedAutoencoder
from faceswap.training.fit_simulation import simulate
from faceswap.training.settings import TrainConfig

_MOST_FACES = 512  # a batch that no training needs to exceed
_MULTIPLE = 8  # of large batches
_SIZE_STEP = 32  # pixels
_SMALLEST = 64  # pixels
# Options of models that make them smaller, in the order in which they are tried.
_WIDTHS = ("d_dims", "e_dims", "ae_dims", "inter_dims", "width", "channels", "code")


class Measured(Protocol):
    """A training whose memory is known before it begins: simulated, or of real steps."""

    @property
    def state(self) -> StateMemory:
        """Memory that does not depend on the batch."""
        ...

    @property
    def phases(self) -> int:
        """Number of phases."""
        ...

    def peak(self, batch: int, phase: int) -> int | None:
        """Peak memory of a step in bytes; None if it does not fit."""
        ...

    def evaluation_peak(self) -> int | None:
        """Peak memory of an evaluation in bytes; None if it does not fit."""
        ...


@dataclass(frozen=True)
class BatchMemory:
    """Memory of a training with a batch size, in bytes.

    Attributes:
        batch: Faces of each identity in a step, over all processes.
        step: Peak of a step of the most demanding phase; None if it does not fit.
        evaluation: Peak of an evaluation; None if it does not fit.
    """

    batch: int
    step: int | None
    evaluation: int | None

    @property
    def peak(self) -> int | None:
        """The larger of both; None if either does not fit."""
        if self.step is None or self.evaluation is None:
            return None
        return max(self.step, self.evaluation)


@dataclass(frozen=True)
class Fit:
    """Memory of a training, and the largest batch.

    Attributes:
        state: Memory that does not depend on the batch.
        asked: The batch of the settings.
        largest: The largest batch that fits; None if none does.
        per_face: Bytes by which a further face of each identity raises the peak of a large batch.
        capacity: Memory that there is.
    """

    state: StateMemory
    asked: BatchMemory
    largest: BatchMemory | None
    per_face: float
    capacity: Capacity


def find_fit(
    training: Measured,
    batch: int,
    unit: int,
    capacity: Capacity,
    limit: int = _MOST_FACES,
    on_try: Callable[[], object] = lambda: None,
) -> Fit:
    """Finds the largest batch that fits in every phase.

    Args:
        training: The training.
        batch: Batch size of the settings.
        unit: Number of processes times micro-batches, of which batches are multiples.
        capacity: Memory that there is.
        limit: Largest batch that is tried.
        on_try: Called after each step that is tried.
    """
    known: dict[tuple[int, int], int | None] = {}

    def peak(size: int, phase: int) -> int | None:
        if (size, phase) not in known:
            known[size, phase] = training.peak(size, phase)
            on_try()
        return known[size, phase]

    def memory(size: int) -> BatchMemory:
        peaks = [peak(size, phase) for phase in range(training.phases)]
        known_ones = [each for each in peaks if each is not None]
        return BatchMemory(size, max(known_ones) if len(known_ones) == len(peaks) else None, judged)

    judged = training.evaluation_peak()
    asked = memory(batch)
    found = max(1, limit // unit) if capacity.fits(judged) else 0
    # The most demanding phase first: the others seldom say less.
    order = sorted(range(training.phases), key=lambda phase: -(known[batch, phase] or 1 << 62))
    for number, phase in enumerate(order):
        if number and (not found or capacity.fits(peak(found * unit, phase))):
            continue

        def fits(size: int, phase: int = phase) -> bool:
            return capacity.fits(peak(size * unit, phase))

        found = largest(fits, found, max(1, _MULTIPLE // unit)) if found else 0
    if capacity.fits(asked.peak):  # it need not be a multiple of 8
        found = max(found, batch // unit)
    best = memory(found * unit) if found else None
    sizes = sorted({size for size, phase in known if phase == order[0]})
    points = [(size, value) for size in sizes if (value := known[size, order[0]]) is not None]
    return Fit(training.state, asked, best, _slope(points), capacity)


def _slope(points: Sequence[tuple[int, int]]) -> float:
    """Bytes for a face at the largest batches: of small ones, the optimizer takes most."""
    if len(points) < 2:
        return 0.0
    (low, first), (high, second) = points[-2:]
    return (second - first) / (high - low)


@dataclass(frozen=True)
class Change:
    """Settings with which a training fits.

    Attributes:
        settings: The settings, by name.
        peak: Peak memory of the tensors with them, in bytes.
        effect: Other effect of the settings.
    """

    settings: Mapping[str, Any]
    peak: int
    effect: str

    def __str__(self) -> str:
        given = " ".join(f"--set {name}={_yaml(value)}" for name, value in self.settings.items())
        return f"{given} ({self.effect})"


def _yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def changes_that_fit(
    config: TrainConfig,
    identities: Sequence[str],
    precision: str,
    capacity: Capacity,
    processes: int = 1,
    fit: Fit | None = None,
) -> list[Change]:
    """Changes of the settings with which a training fits, each of them simulated.

    Args:
        config: Settings of the training, of a model that is not guided.
        identities: Names of the identities.
        precision: Precision of the training: fp32, bf16 or fp16.
        capacity: Memory that there is.
        processes: Number of processes.
        fit: Result for these settings; None to find it.
    """

    def tried(settings: Mapping[str, Any], effect: str) -> Change | None:
        try:
            other = with_settings(config, settings)
            with simulate(other, identities, precision, processes) as training:
                memory = [training.peak(other.training.batch, p) for p in range(training.phases)]
                peak = max(*memory, training.evaluation_peak())
        except ConfigError:  # sizes that this model cannot have
            return None
        return Change(settings, peak, effect) if capacity.fits(peak) else None

    found: list[Change] = []
    if fit is None:
        with simulate(config, identities, precision, processes) as training:
            unit = processes * config.training.micro_batches
            batch = config.training.batch
            fit = find_fit(training, batch, unit, capacity, batch)
    if fit.largest is not None and fit.largest.peak is not None:
        found.append(Change({"training.batch": fit.largest.batch}, fit.largest.peak, "other steps"))
    for options in (_same_results(config, processes), _smaller_models(config, processes)):
        found += _firsts(options, tried)
        if found:
            break
    return found


_Options = Iterator[list[tuple[dict[str, Any], str]]]


def _firsts(
    options: _Options, tried: Callable[[Mapping[str, Any], str], Change | None]
) -> Iterator[Change]:
    """Of each list of ever stronger changes, the first one that fits."""
    for stronger in options:
        for settings, effect in stronger:
            if change := tried(settings, effect):
                yield change
                break


def _same_results(config: TrainConfig, processes: int) -> _Options:
    batch, count = config.training.batch, config.training.micro_batches
    each = batch // processes
    divisors = [number for number in range(count + 1, each + 1) if each % number == 0]
    yield [({"training.micro_batches": n}, "same results, slower") for n in divisors]
    if not config.training.checkpointing:
        lean = {"training.checkpointing": True}
        yield [
            (lean, "same results, about 1.4 times the time"),
            *(
                (lean | {"training.micro_batches": n}, "same results, slower")
                for n in divisors[-1:]
            ),
        ]


def _smaller_models(config: TrainConfig, processes: int) -> _Options:
    lean = {
        "training.checkpointing": True,
        "training.batch": processes,
        "training.micro_batches": 1,
    }
    defaults = _options(config)
    if isinstance(size := defaults.get("size"), int):
        sizes = range(size - _SIZE_STEP, _SMALLEST - 1, -_SIZE_STEP)
        yield [({"model.options.size": each, **lean}, "another model") for each in sizes]
    widths = [name for name in _WIDTHS if isinstance(defaults.get(name), int)]
    if widths:
        yield [
            (
                {f"model.options.{name}": defaults[name] // parts for name in widths} | lean,
                "another model",
            )
            for parts in (2, 4)
        ]


def _options(config: TrainConfig) -> dict[str, Any]:
    return check_options(config.model.name, config.model.options)


def with_settings(config: TrainConfig, settings: Mapping[str, Any]) -> TrainConfig:
    """The settings with some changed.

    Args:
        config: The settings.
        settings: Values by dotted name.

    Raises:
        ConfigError: A value is invalid.
    """
    values = config.model_dump(mode="json")
    for name, value in settings.items():
        *sections, last = name.split(".")
        place = values
        for section in sections:
            place = place[section]
        place[last] = value
    return parse_config(TrainConfig, values, "the changed settings")


def process_count() -> int:
    """Number of processes that a launcher has started."""
    return int(os.environ.get("WORLD_SIZE") or "1")


def is_guided(config: TrainConfig, identities: Sequence[str]) -> bool:
    """Whether the model of a training is guided."""
    with torch.device("meta"):
        model = build_model(config.model.name, identities, config.model.options)
    return isinstance(model, GuidedAutoencoder)
