"""Phases of a training: when each ends, and the settings that differ in it."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from faceswap.core.config import StrictModel
from faceswap.core.config_errors import nearest
from faceswap.core.errors import ConfigError

CHANGEABLE = (
    "augmentation",
    "loss",
    "adversarial",
    *(f"data.{name}" for name in ("match", "match_pose", "sharpness", "skip_blurred")),
    *(f"data.balance_{name}" for name in ("pose", "expression", "sources")),
    *(f"optimizer.{name}" for name in ("lr", "warmup", "decay", "schedule")),
    *(f"optimizer.{name}" for name in ("clip", "auto_clip", "lr_dropout")),
    "training.freeze",
)
"""Settings, or sections of settings, that a phase may change."""

_FIXED = frozenset({"loss.identity_network"})


class PhaseConfig(StrictModel):
    """One phase."""

    name: str = Field(
        pattern=r"^\w[\w -]{0,39}$", description="Name in the log, the manifest and messages."
    )
    share: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Fraction of the budget after which the phase ends; null for no such end.",
    )
    patience: int | None = Field(
        default=None,
        ge=0,
        description="The phase ends after so many evaluations without a better score, of those "
        "every output.save_every steps; 0 never, null as training.patience.",
    )
    set: dict[str, Any] = Field(
        default={}, description="Settings that differ in this phase, by name or by section."
    )

    def applied_to(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Settings of a training as they are in this phase.

        Args:
            values: Settings by section and name.

        Raises:
            ConfigError: The phase changes a setting that has to stay as it is.
        """
        changed: dict[str, Any] = {
            name: dict(section) if isinstance(section, Mapping) else section
            for name, section in values.items()
        }
        for name, value in _dotted(self.set, values):
            if not is_changeable(name):
                raise ConfigError(
                    f"The phase {self.name!r} cannot change {name}.",
                    f"{nearest(name, CHANGEABLE)}A phase may change {', '.join(CHANGEABLE)}; "
                    "everything else holds for the whole training.",
                )
            section, _, inner = name.partition(".")
            if not inner:
                raise ConfigError(
                    f"The phase {self.name!r} has no values for the settings of {name}.",
                    f"Give them by name, for example '{name}: {{NAME: VALUE}}'.",
                )
            changed[section][inner] = value
        return changed


def is_changeable(name: str) -> bool:
    """Whether a phase may change a setting."""
    parts = name.split(".")
    covers = {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
    return name not in _FIXED and not covers.isdisjoint(CHANGEABLE)


def _dotted(overrides: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Settings by dotted name, whether they were given so or by section."""
    for name, value in overrides.items():
        if isinstance(value, Mapping) and isinstance(values.get(name), Mapping):
            yield from ((f"{name}.{inner}", content) for inner, content in value.items())
        else:
            yield name, value
