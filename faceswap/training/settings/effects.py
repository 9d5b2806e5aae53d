"""Settings that have no effect without others: reported at the start, and never refused.

A recipe may hold settings for an option that a command line switches off.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from faceswap.training.settings import TrainConfig


class ModelKind(NamedTuple):
    """What settings depend on in the model.

    Attributes:
        guided: Whether the model shows references.
        masks: Whether the model predicts masks.
    """

    guided: bool
    masks: bool


class Dependency(NamedTuple):
    """Settings that have no effect without others.

    Attributes:
        names: Names of the settings.
        needs: Noun phrase for what they need.
        is_met: Function that says whether settings and model have it.
    """

    names: tuple[str, ...]
    needs: str
    is_met: Callable[[TrainConfig, ModelKind], object]


DEPENDENCIES = (
    Dependency(
        ("augmentation.colour_method",),
        "augmentation.colour_transfer",
        lambda own, _: own.augmentation.colour_transfer,
    ),
    Dependency(
        ("data.match_pose",),
        "data.match or augmentation.landmark_warp",
        lambda own, _: own.data.match or own.augmentation.landmark_warp,
    ),
    Dependency(("data.references",), "a guided model", lambda _, model: model.guided),
    Dependency(("loss.swap",), "data.match", lambda own, _: own.data.match),
    Dependency(("loss.mask",), "a model that predicts masks", lambda _, model: model.masks),
    Dependency(
        ("loss.mask_margin", "loss.mask_blur"),
        "different weights loss.inside and loss.outside",
        lambda own, _: own.loss.inside != own.loss.outside,
    ),
    Dependency(
        ("loss.stride",),
        "loss.dssim, loss.swap or loss.background_style",
        lambda own, _: own.loss.dssim or own.loss.swap or own.loss.background_style,
    ),
    Dependency(
        ("loss.identity_network",),
        "loss.identity or loss.identity_swap",
        lambda own, _: own.loss.identity or own.loss.identity_swap,
    ),
    Dependency(
        ("adversarial.patch", "adversarial.dims"),
        "adversarial.power",
        lambda own, _: own.adversarial.power,
    ),
    Dependency(
        ("adversarial.swaps",),
        "adversarial.power and data.match",
        lambda own, _: own.adversarial.power and own.data.match,
    ),
    Dependency(
        ("adversarial.lr",),
        "adversarial.power or adversarial.true_face",
        lambda own, _: own.adversarial.power or own.adversarial.true_face,
    ),
    Dependency(("optimizer.schedule",), "optimizer.decay", lambda own, _: own.optimizer.decay),
    Dependency(
        ("optimizer.decay",),
        "a budget (--steps or --minutes)",
        lambda own, _: own.training.steps is not None or own.training.minutes is not None,
    ),
    Dependency(
        ("optimizer.weight_decay",),
        "an optimizer other than adam, such as adamw",
        lambda own, _: own.optimizer.name != "adam",
    ),
    Dependency(
        ("training.patience",), "held-out faces (data.held_out)", lambda own, _: own.data.held_out
    ),
)
"""All such settings; the defaults of none need anything."""


def without_effect(phases: Sequence[TrainConfig], model: ModelKind) -> Iterator[str]:
    """A sentence on each setting that differs from its default, and has no effect in any phase.

    Args:
        phases: Settings of each phase, see ``TrainConfig.in_phases``.
        model: Kind of the model.
    """
    usual = TrainConfig()
    for each in DEPENDENCIES:
        for name in each.names:
            given = [own for own in phases if _value(own, name) != _value(usual, name)]
            if given and not any(each.is_met(own, model) for own in given):
                yield f"{name} has no effect without {each.needs}."


def _value(config: TrainConfig, name: str) -> Any:
    section, _, inner = name.partition(".")
    return getattr(getattr(config, section), inner)
