"""Averages the weights of models of one architecture (Wortsman et al. 2022)."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from faceswap.core.errors import ConfigError, ModelFileError
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.model_file import LoadedModel, ModelMeta
from faceswap.models.reuse import (
    describe_origin,
    earlier_subjects,
    part_difference,
)


def average_models(
    models: Sequence[LoadedModel], weights: Sequence[float] = ()
) -> tuple[FaceAutoencoder, ModelMeta]:
    """Weighted mean of the weights of models.

    What is not trained, such as the references of guided models, is that of the first model.

    Args:
        models: Two or more models of one architecture, with the same options, identities and
            coverage.
        weights: Weight of each model, not negative; divided by their sum. Equal ones by default.

    Returns:
        The mean model, and its metadata with the records and people of all models.

    Raises:
        ConfigError: There is one model, or the weights are not one for each model.
        ModelFileError: The models do not match.
    """
    fractions = _fractions(models, weights)
    first = models[0]
    for other in models[1:]:
        if differences := list(_differences(first, other)):
            raise ModelFileError(
                f"{first.path} and {other.path} do not match: {'; '.join(differences)}.",
                "Average models that were trained with the same settings and identities, best "
                "from common weights (--from).",
            )
    model = copy.deepcopy(first.model)
    others = [loaded.model.parts() for loaded in models]
    for name, part in model.parts().items():
        part.load_state_dict(_mean([parts[name] for parts in others], fractions))
    return model, _describe(models, fractions, list(model.parts()))


def _fractions(models: Sequence[LoadedModel], weights: Sequence[float]) -> list[float]:
    if len(models) < 2:
        raise ConfigError(
            f"Expected two or more models to average, found {len(models)}.", "Name another one."
        )
    given = list(weights) or [1.0] * len(models)
    total = sum(given)
    if len(given) != len(models) or min(given) < 0 or not 0 < total < float("inf"):
        raise ConfigError(
            f"Expected {len(models)} weights that are not negative, found "
            f"{', '.join(map(str, given))}.",
            "Give one for each model, in their order.",
        )
    return [weight / total for weight in given]


def _differences(first: LoadedModel, other: LoadedModel) -> Iterator[str]:
    """What keeps two models from being averaged, in words."""
    for name in ("architecture", "identities", "coverage"):
        mine, theirs = getattr(first.meta, name), getattr(other.meta, name)
        if mine != theirs:
            yield f"{name} {_plain(mine)} and {_plain(theirs)}"
    # Models of earlier versions lack options that were added since.
    mine, theirs = ({**each.model.options, **each.meta.options} for each in (first, other))
    for name in dict.fromkeys([*mine, *theirs]):
        if mine.get(name) != theirs.get(name):
            yield f"option {name} {mine.get(name)} and {theirs.get(name)}"
    positions = dict(other.model.named_buffers(recurse=False))
    for name, position in first.model.named_buffers(recurse=False):  # of a model that grows
        if name in positions and not torch.equal(position, positions[name]):
            yield f"{name} {position.tolist()} and {positions[name].tolist()}"
    parts = other.model.parts()
    for name, part in first.model.parts().items():
        if name in parts and (difference := part_difference(part, parts[name])):
            yield f"part {name}: {difference}"


def _plain(value: Any) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _mean(parts: Sequence[nn.Module], fractions: Sequence[float]) -> dict[str, Tensor]:
    """Mean state of parts; integers are those of the first."""
    states = [part.state_dict() for part in parts]
    mean = {}
    for name, tensor in states[0].items():
        mean[name] = tensor
        if tensor.is_floating_point():
            weighted = [
                fraction * state[name].double()
                for fraction, state in zip(fractions, states, strict=True)
            ]
            mean[name] = torch.stack(weighted).sum(0).to(tensor.dtype)
    return mean


def _describe(
    models: Sequence[LoadedModel], fractions: Sequence[float], parts: Sequence[str]
) -> ModelMeta:
    first = models[0].meta
    same = {name: name for name in parts}
    origins = [
        describe_origin(loaded, same) | {"weight": fraction}
        for loaded, fraction in zip(models, fractions, strict=True)
    ]
    shown = {
        name: _without_repetition(loaded.meta.subjects.get(name, []) for loaded in models)
        for name in first.identities
    }
    return ModelMeta(
        first.architecture,
        first.options,
        first.identities,
        first.coverage,
        max(loaded.meta.step for loaded in models),
        earlier_subjects(shown, origins),
        first.seed,
        origins=origins,
        loss_recognizers=sorted({name for each in models for name in each.meta.loss_recognizers}),
    )


def _without_repetition(lists: Iterator[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    for records in lists:
        kept += [record for record in records if record not in kept]
    return kept
