"""The one way into JSON files: size, encoding, depth and types are checked before anything is used.

``yaml_documents`` and ``table_documents`` do the same for YAML and Parquet.
"""

import json
import os
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, from_json

from faceswap.core.config_errors import expectation, shown
from faceswap.core.errors import ConfigError, DocumentError, FaceswapError
from faceswap.core.files import regular_file

MEGABYTES = "FACESWAP_MAX_DOCUMENT_MB"
"""Environment variable that raises the size limits of all structured files, in MB."""

_JSON_BYTES = 32 << 20
_BYTES_OF_VALUE = 16  # on average, at least
_DEEPEST = 64
_INTEGERS = range(-(1 << 63), 1 << 64)
_PROBLEMS = 3  # in a message
_END = object()

T = TypeVar("T")
Items = Annotated[list[T], Field(fail_fast=True)]
"""List of a document. Validation ends at the first wrong item: a file may hold millions."""
Finite = FiniteFloat
"""Number other than NaN and infinity."""


class DocumentModel(BaseModel):
    """Base of the content of files: no conversions; unknown keys belong to later versions."""

    model_config = ConfigDict(extra="ignore", strict=True)


def size_limit(usual: int) -> int:
    """Limit of a size in bytes: the usual one, or a larger one of ``FACESWAP_MAX_DOCUMENT_MB``.

    Raises:
        ConfigError: The variable is not a number.
    """
    given = os.environ.get(MEGABYTES, "")
    if not given:
        return usual
    if not given.isdecimal() or len(given) > 9:
        raise ConfigError(
            f"Expected a number of MB in {MEGABYTES}, found {given[:40]!r}.", "Correct or unset it."
        )
    return max(usual, int(given) << 20)


def read_content(
    path: Path, usual: int, error: type[FaceswapError] = DocumentError, hint: str = ""
) -> bytes:
    """Reads a file of limited size.

    Args:
        path: The file.
        usual: Size limit in bytes, unless a larger one is set.
        error: Error type.
        hint: Remedy for a damaged file.

    Raises:
        FaceswapError: It is larger, or a folder; the type is ``error``.
        MediaError: It is a pipe or a device.
        OSError: It cannot be read.
    """
    if regular_file(path).is_dir():
        raise error(f"Expected a file, found a folder: {path}.", hint)
    limit = size_limit(usual)
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise too_large(path, limit, error)
    return content


def too_large(path: Path | str, limit: int, error: type[FaceswapError]) -> FaceswapError:
    """Error for a file whose content is larger than its limit in bytes."""
    return error(
        f"{path} holds more than {limit >> 20} MB of data.",
        f"If you trust the file, raise the limit: {MEGABYTES}={4 * (limit >> 20)}",
    )


def read_json(
    path: Path,
    schema: Any = None,
    *,
    finite: bool = True,
    error: type[FaceswapError] = DocumentError,
    hint: str | None = None,
) -> Any:
    """Reads and checks a JSON file.

    Args:
        path: The file.
        schema: Type of its content, mostly a ``DocumentModel``; None for any JSON.
        finite: Whether NaN and infinity are errors, which JSON does not have.
        error: Error type.
        hint: Remedy for a damaged file; None to restore it.

    Returns:
        Content as JSON values, as it is in the file: unknown keys are kept.

    Raises:
        FaceswapError: It is too large, not JSON, or not of the schema; the type is ``error``.
        OSError: It cannot be read; ``FileNotFoundError`` if it does not exist.
    """
    hint = f"Restore {path.name} from a backup." if hint is None else hint
    content = read_content(path, _JSON_BYTES, error, hint)
    return parse_json(content, path, schema, finite=finite, error=error, hint=hint)


def parse_json(
    content: bytes | str,
    where: Path | str,
    schema: Any = None,
    *,
    finite: bool = True,
    error: type[FaceswapError] = DocumentError,
    hint: str = "",
) -> Any:
    """Parses and checks JSON that is not a file of its own; see ``read_json``.

    Args:
        content: JSON, in UTF-8.
        where: Origin of the content for messages.
        schema: Type of the content, or None.
        finite: Whether NaN and infinity are errors.
        error: Error type.
        hint: Remedy for damaged content.
    """
    limit = size_limit(_JSON_BYTES)
    # In memory, a value takes far more than the three bytes that it may have in the file.
    values = content.count(b",") if isinstance(content, bytes) else content.count(",")
    if len(content) > limit or values > limit // _BYTES_OF_VALUE:
        raise too_large(where, limit, error)
    try:
        value = from_json(content, allow_inf_nan=not finite)
    except ValueError as problem:
        raise error(f"{where} is not valid JSON: {problem}.", hint) from problem
    check_values(value, where, error, hint)
    if schema is not None:
        check_schema(value, schema, where, error, hint)
    return value


def check_values(value: Any, where: Path | str, error: type[FaceswapError], hint: str) -> None:
    """Checks that parsed values are JSON of limited depth, with 64-bit integers and valid text.

    Raises:
        FaceswapError: They are not; the type is ``error``.
    """
    levels: list[Iterator[Any]] = [iter((value,))]
    while levels:
        item = next(levels[-1], _END)
        if item is _END:
            levels.pop()
            continue
        problem = _problem_of(item, len(levels))
        if problem:
            raise error(f"{where} {problem}.", hint)
        if isinstance(item, dict):
            levels.append(chain(item, item.values()))
        elif isinstance(item, list):
            levels.append(iter(item))


def _problem_of(item: Any, depth: int) -> str:
    if depth > _DEEPEST:
        return f"is nested more than {_DEEPEST} levels deep"
    if isinstance(item, str):
        return "" if item.isascii() or _is_unicode(item) else "contains text that is not Unicode"
    if isinstance(item, int):
        return "" if item in _INTEGERS else "contains an integer of more than 64 bits"
    if isinstance(item, dict):
        odd = next((key for key in item if not isinstance(key, str)), None)
        return "" if odd is None else f"has the key {shown(odd)}, where text is expected"
    if item is None or isinstance(item, float | list):
        return ""
    return f"contains {shown(item)}, where text, numbers or lists are expected"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def check_schema(
    value: Any, schema: Any, where: Path | str, error: type[FaceswapError], hint: str
) -> None:
    """Checks parsed values against a type.

    Raises:
        FaceswapError: They differ; the message gives place, expected and found. The type is
            ``error``.
    """
    try:
        _adapter(schema).validate_python(value)
    except ValidationError as problem:
        raise error(f"{where} is damaged: {_listed(problem)}.", hint) from problem


def restore_type(
    values: Any, kind: Any, where: Path | str, error: type[FaceswapError], hint: str
) -> Any:
    """Restores dataclasses and tuples from the JSON values that were written of them.

    Args:
        values: JSON values.
        kind: Type of the result.
        where: Origin of the values for messages.
        error: Error type.
        hint: Remedy for damaged values.

    Raises:
        FaceswapError: A value is missing or of the wrong type; the type is ``error``.
    """
    try:
        # Via JSON, where strict mode accepts a list for a tuple.
        return _adapter(kind).validate_json(json.dumps(values), strict=True)
    except ValidationError as problem:
        raise error(f"{where} is damaged: {_listed(problem)}.", hint) from problem


def _listed(problem: ValidationError) -> str:
    details = problem.errors(include_url=False, include_context=False)
    listed = "; ".join(_described(detail) for detail in details[:_PROBLEMS])
    more = len(details) - _PROBLEMS
    return f"{listed}; and {more} more" if more > 0 else listed


@cache
def _adapter(schema: Any) -> TypeAdapter[Any]:
    return TypeAdapter(schema)


def _described(detail: ErrorDetails) -> str:
    place = _place(detail["loc"])
    if detail["type"] == "missing":
        return f"{place} is missing"
    return f"{place}: {expectation(detail)}, found {shown(detail['input'])}"


def _place(location: Sequence[int | str]) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part[:60]}" for part in location]
    return "".join(parts).lstrip(".") or "its content"
