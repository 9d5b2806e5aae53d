"""What to change where a training does not fit, each change simulated."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from faceswap.core.config import parse_config
from faceswap.core.device_memory import Capacity
from faceswap.core.errors import ConfigError
from faceswap.models import check_options
from faceswap.training.fit.largest_batch import Fit, find_fit
from faceswap.training.fit.simulated_training import simulate
from faceswap.training.settings import TrainConfig

_SIZE_STEP = 32  # pixels
_SMALLEST = 64  # pixels
# Options of models that make them smaller, in the order in which they are tried.
_WIDTHS = ("d_dims", "e_dims", "ae_dims", "inter_dims", "width", "channels", "code")


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
