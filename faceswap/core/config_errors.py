"""Messages for invalid settings: the field, what was expected, what was found."""

import difflib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails


def nearest(name: str, names: Iterable[str]) -> str:
    """Suggests the most similar name ("Did you mean 'x'? "); empty if none is similar."""
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"Did you mean {near[0]!r}? " if near else ""


def describe_problem(model_class: type[BaseModel], detail: ErrorDetails) -> tuple[str, str]:
    """Message and hint for an error reported by pydantic."""
    location = [str(part) for part in detail["loc"]]
    name = ".".join(location)
    if detail["type"] == "extra_forbidden":
        return f"unknown setting {name!r}", _suggest(model_class, location)
    if detail["type"] == "missing":
        return f"expected a value of {name}, found none", f"Add --set {name}=VALUE."
    return f"{name or 'settings'}: {expectation(detail)}, found {shown(detail['input'])}", ""


def expectation(detail: ErrorDetails) -> str:
    """Expected value of an error reported by pydantic, as in ``expected a valid integer``."""
    message = detail["msg"]
    if message.startswith("Input should be "):
        expected = message.removeprefix("Input should be ").partition(" or instance of ")[0]
        return f"expected {expected}"
    for opening in ("Value error, ", "Assertion failed, "):
        message = message.removeprefix(opening)
    return message


def shown(value: Any) -> str:
    """A value of unknown type and size for a message, in up to 60 characters."""
    short = value[:60] if isinstance(value, str | bytes | list | tuple) else value
    if isinstance(value, dict):
        short = dict(islice(value.items(), 10))
    text = repr(short)
    text = text if len(text) <= 60 else text[:57] + "..."
    if isinstance(value, str):
        return f"the text {text}"
    return text


def _suggest(model_class: type[BaseModel], location: list[str]) -> str:
    parent = ".".join(location[:-1])
    prefix = f"{parent}." if parent else ""
    every = list(_all_names(model_class))
    siblings = [n for n in every if n.startswith(prefix) and "." not in n[len(prefix) :]]
    near = difflib.get_close_matches(location[-1], [n[len(prefix) :] for n in siblings], n=1)
    if near:
        return f"Did you mean {prefix + near[0]!r}?"
    # Another common mistake is the right name in the wrong section.
    elsewhere = [n for n in every if n.rpartition(".")[2] == location[-1]]
    if elsewhere:
        return f"Did you mean {elsewhere[0]!r}?"
    if near := difflib.get_close_matches(".".join(location), every, n=1):
        return f"Did you mean {near[0]!r}?"
    where = f"Settings in {parent}" if siblings and parent else "Settings"
    known = siblings if siblings else list(model_class.model_fields)
    return f"{where}: {', '.join(known)}."


def _all_names(model_class: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model_class.model_fields.items():
        yield prefix + name
        for inner in _models_in(field.annotation):
            yield from _all_names(inner, f"{prefix}{name}.")


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Settings classes in the type of a field: plain, optional or in a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType, typing.Annotated) or origin is Mapping:
        for argument in typing.get_args(annotation):
            yield from _models_in(argument)
