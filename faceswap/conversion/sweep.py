"""Sweeps over the settings of a conversion: every combination of some values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from faceswap.conversion.settings import ConvertConfig
from faceswap.core.config_errors import nearest
from faceswap.core.errors import ConfigError

MOST_VARIANTS = 64
"""Most combinations of a sweep: more rows cannot be compared by eye."""

_SHORT = {"colour": "colour.transfer", "mask": "mask.name", "blend": "blend.method"}
_SECTIONS = ("decode", "mask", "colour", "blend", "detail")  # the others change no pixel of a frame
_ACROSS_FRAMES = {"colour.smooth", "detail.motion_blur", "mask.occluders=all"}
_FORM = "For example: --sweep colour=lab,none mask=hull,mesh"


@dataclass(frozen=True)
class Axis:
    """A setting of a sweep and its values.

    Attributes:
        name: Name of the setting, as in ``mask.feather``.
        values: Values as they are written, at least one.
    """

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Variant:
    """One combination of a sweep.

    Attributes:
        label: Text that names its values.
        changes: ``NAME=VALUE`` of each setting.
    """

    label: str
    changes: tuple[str, ...]


def parse_axes(words: Sequence[str]) -> list[Axis]:
    """Reads ``NAME=VALUE,VALUE,...`` of each setting.

    Args:
        words: Texts, each with one or more settings separated by spaces. Besides full names, the
            names ``colour``, ``mask`` and ``blend``, and names that only one section has.

    Raises:
        ConfigError: A text has another form, or a setting is unknown or named twice.
    """
    axes: dict[str, Axis] = {}
    for word in " ".join(words).split():
        given, equals, texts = word.partition("=")
        values = tuple(dict.fromkeys(text for text in texts.split(",") if text))
        if not equals or not values:
            raise ConfigError(f"Expected NAME=VALUE,VALUE in --sweep, found {word!r}.", _FORM)
        name = _full_name(given)
        _check_single_frames(name, values)
        if name in axes:
            raise ConfigError(f"--sweep names the setting {name} twice.", _FORM)
        axes[name] = Axis(name, values)
    return list(axes.values())


def variants(axes: Sequence[Axis]) -> list[Variant]:
    """All combinations of the values, the last setting changing fastest; one without any axis.

    Raises:
        ConfigError: There are more than ``MOST_VARIANTS``.
    """
    combinations = list(product(*(axis.values for axis in axes)))
    if len(combinations) > MOST_VARIANTS:
        raise ConfigError(
            f"Expected at most {MOST_VARIANTS} combinations in --sweep, found {len(combinations)}.",
            "Sweep fewer settings at a time.",
        )
    return [_variant(axes, values) for values in combinations]


def _variant(axes: Sequence[Axis], values: Sequence[str]) -> Variant:
    changes = tuple(f"{axis.name}={value}" for axis, value in zip(axes, values, strict=True))
    label = ", ".join(change.partition(".")[2] for change in changes)
    return Variant(label or "converted", changes)


def _full_name(given: str) -> str:
    known = {
        f"{section}.{field}": field
        for section in _SECTIONS
        for field in type(getattr(ConvertConfig(), section)).model_fields
    }
    name = _SHORT.get(given, given)
    if name not in known:
        name = _only_one(given, [full for full, field in known.items() if field == given], known)
    return name


def _check_single_frames(name: str, values: Sequence[str]) -> None:
    for setting in (name, *(f"{name}={value}" for value in values)):
        if setting in _ACROSS_FRAMES:
            raise ConfigError(
                f"The setting {setting} acts from frame to frame, and a sheet shows single frames.",
                "Convert a part of the clip with each value: --start, --end.",
            )


def _only_one(given: str, alike: Sequence[str], known: Iterable[str]) -> str:
    if len(alike) == 1:
        return alike[0]
    if alike:
        raise ConfigError(
            f"The setting {given!r} of --sweep is ambiguous.", f"Use one of {', '.join(alike)}."
        )
    raise ConfigError(
        f"Unknown setting {given!r} in --sweep.",
        f"{nearest(given, [*_SHORT, *known])}Known settings: {', '.join(sorted(known))}.",
    )
