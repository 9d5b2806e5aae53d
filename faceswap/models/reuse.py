"""Weights for a new model from a trained one, part by part."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from faceswap.core.errors import ConfigError, ModelFileError
from faceswap.core.files import user_path
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.model_file import LoadedModel

_PARTS = re.compile(r"[\w.-]+(=[\w.-]+)?(,[\w.-]+(=[\w.-]+)?)*")
_EARLIER = " (earlier training)"
_PLAIN = (bool, int, float, str, type(None))


@dataclass(frozen=True)
class Origin:
    """A trained model that a new one takes weights from.

    Attributes:
        path: Run or model folder.
        parts: Part of the trained model by the part of the new one; empty for all parts that have
            the same name in both.
    """

    path: Path
    parts: Mapping[str, str]

    def __str__(self) -> str:
        pairs = [new if new == old else f"{new}={old}" for new, old in self.parts.items()]
        return f"{self.path}:{','.join(pairs)}" if pairs else str(self.path)


def parse_origin(text: str) -> Origin:
    """Parses ``PATH`` or ``PATH:PART,NEW=OLD``.

    Raises:
        ConfigError: A part is named twice, or there is no path.
    """
    place, colon, named = text.rpartition(":")
    if not colon or not _PARTS.fullmatch(named) or user_path(text).exists():
        place, named = text, ""
    if not place:
        raise ConfigError(
            f"Expected RUN or RUN:PART,PART to start from, found {text!r}.",
            "For example: --from runs/base:encoder,inter",
        )
    parts: dict[str, str] = {}
    for pair in named.split(",") if named else ():
        new, _, old = pair.partition("=")
        if new in parts:
            raise ConfigError(f"The part {new!r} is named twice in {text!r}.", "Name it once.")
        parts[new] = old or new
    return Origin(user_path(place).absolute(), parts)


def take_parts(
    model: FaceAutoencoder, source: LoadedModel, named: Mapping[str, str]
) -> dict[str, str]:
    """Gives a new model the weights of parts of a trained one, and the level that it has reached.

    Args:
        model: The new model, changed in place.
        source: The trained model.
        named: Part of the trained model by the part of the new one; empty for all parts that have
            the same name in both.

    Returns:
        What was taken, in the form of ``named``.

    Raises:
        ConfigError: There is no such part.
        ModelFileError: A part differs in what it computes, or no part has the same name.
    """
    own, theirs = model.parts(), source.model.parts()
    chosen = named or {name: name for name in own if name in theirs}
    if not chosen:
        raise ModelFileError(
            f"No part of the model {source.path} has the name of a part of the new model "
            f"({', '.join(own)}): it has {', '.join(theirs)}.",
            "Name what to take: --from RUN:NEW=OLD",
        )
    for new, old in chosen.items():
        check_part(new, own, "The new model")
        check_part(old, theirs, f"The model {source.path}")
        if difference := part_difference(own[new], theirs[old]):
            options = option_differences(model.options, source.model.options)
            named_options = f" Options that differ: {', '.join(options)}." if options else ""
            raise ModelFileError(
                f"The part {new!r} of the new model does not fit {old!r} of {source.path}: "
                f"{difference}.{named_options}",
                f"Use the model {source.meta.architecture!r} with options "
                f"{source.meta.options}, or name only parts that fit: --from RUN:PART,PART",
            )
    for new, old in chosen.items():
        own[new].load_state_dict(theirs[old].state_dict())
    model.continue_from(source.model, chosen)
    return dict(chosen)


def check_part(name: str, parts: Mapping[str, nn.Module], where: str) -> None:
    """Checks that a model has a part.

    Args:
        name: Name of the part.
        parts: Parts of the model.
        where: The model, as the subject of the message.

    Raises:
        ConfigError: It has no such part.
    """
    if name not in parts:
        raise ConfigError(f"{where} has no part {name!r}.", f"Its parts are: {', '.join(parts)}.")


def check_frozen(names: Sequence[str], model: FaceAutoencoder) -> None:
    """Checks the parts of a model that are not to be trained.

    Raises:
        ConfigError: There is no such part, or nothing else has weights.
    """
    parts = model.parts()
    for name in names:
        check_part(name, parts, "The model to train")
    trained = [part for name, part in parts.items() if name not in names]
    if not any(True for part in trained for _ in part.parameters()):
        raise ConfigError(
            f"All parts of the model are frozen: {', '.join(names)}.", "Leave one to be trained."
        )


def part_difference(one: nn.Module, other: nn.Module) -> str:
    """First difference in what two parts compute with the same weights, in words; "" without any.

    Compared are the shapes of the tensors, the values of those that are not saved, the kinds of the
    layers and their public numbers and texts: parts with the same tensors may have other
    activations.
    """
    mine, theirs = one.state_dict(), other.state_dict()
    for name in dict.fromkeys([*mine, *theirs]):
        shapes = [_shape(tensors.get(name)) for tensors in (mine, theirs)]
        if shapes[0] != shapes[1]:
            return f"the tensor {name!r} is {shapes[0]} in the first and {shapes[1]} in the second"
    layers, others = dict(one.named_modules()), dict(other.named_modules())
    for name in dict.fromkeys([*layers, *others]):
        if difference := _layer_difference(layers.get(name), others.get(name)):
            return f"the layer {name!r} {difference}"
    return ""


def _layer_difference(one: nn.Module | None, other: nn.Module | None) -> str:
    """Difference of two layers without their sublayers, in words; "" without any."""
    kinds = ["missing" if layer is None else type(layer).__name__ for layer in (one, other)]
    if one is None or other is None or type(one) is not type(other):
        return f"is {kinds[0]} in the first and {kinds[1]} in the second"
    mine, theirs = _numbers(one), _numbers(other)
    for name in dict.fromkeys([*mine, *theirs]):
        if mine.get(name) != theirs.get(name):
            found = f"{mine.get(name)} in the first and {theirs.get(name)} in the second"
            return f"({kinds[0]}) has {name} {found}"
    buffers = dict(other.named_buffers(recurse=False))
    for name, value in one.named_buffers(recurse=False):
        theirs = buffers.get(name)
        unsaved = name in one._non_persistent_buffers_set
        if unsaved and (theirs is None or not torch.equal(value, theirs)):
            return f"({kinds[0]}) has other values of {name}"
    return ""


def _numbers(layer: nn.Module) -> dict[str, Any]:
    """What a layer is configured with."""
    return {
        name: value
        for name, value in vars(layer).items()
        if name != "training"
        and not name.startswith("_")
        and all(isinstance(each, _PLAIN) for each in (value if type(value) is tuple else [value]))
    }


def option_differences(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Options that two models have and that differ, in words: ``size 128 and 256``."""
    return [
        f"{name} {value} and {theirs[name]}"
        for name, value in mine.items()
        if name in theirs and theirs[name] != value
    ]


def _shape(tensor: Tensor | None) -> str:
    return "missing" if tensor is None else f"{tuple(tensor.shape)} {tensor.dtype}"


def describe_origin(source: LoadedModel, taken: Mapping[str, str]) -> dict[str, Any]:
    """Record of a trained model that weights were taken from, for manifests, as JSON values."""
    return {
        **source.record(),
        "parts": dict(taken),
        "subjects": source.meta.subjects,
        "origins": source.meta.origins,
        "loss_recognizers": source.meta.loss_recognizers,
    }


def earlier_subjects(
    subjects: Mapping[str, Sequence[Mapping[str, Any]]], origins: Sequence[Mapping[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """Subject records of a model with those of the people that its weights were trained on before.

    Args:
        subjects: Records of the facesets of each identity.
        origins: Models that weights were taken from, from ``describe_origin``.

    Returns:
        Records by identity; people of the earlier training whose records are not among them have
        names that say so.
    """
    merged = {name: [dict(record) for record in records] for name, records in subjects.items()}
    for origin in origins:
        for name, records in origin["subjects"].items():
            known = merged.get(name, [])
            missing = [record for record in records if record not in known]
            if missing:
                key = name if name.endswith(_EARLIER) else f"{name}{_EARLIER}"
                kept = merged.setdefault(key, [])
                kept += [record for record in missing if record not in kept]
    return merged
