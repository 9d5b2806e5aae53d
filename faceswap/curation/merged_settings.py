"""Settings of an extraction that merged facesets have in common.

Conversion searches the photos between those of a faceset by these settings.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

_LEAST = ("first_frame", "min_size", "min_presence", "min_sharpness")
_GREATEST = ("end_frame", "max_size", "max_faces")
_RANGES = ("yaw", "pitch", "roll")


def merge_extractors(extractors: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The settings of the first extraction, with the widest span and conditions of all.

    A condition that one of them lacks is left out.

    Args:
        extractors: Extractor records of facesets, at least one.
    """
    merged = dict(extractors[0])
    for name in (*_LEAST, *_GREATEST, *_RANGES):
        values = [extractor.get(name) for extractor in extractors]
        merged[name] = _range(values) if name in _RANGES else _outer(values, _choice(name))
    merged["largest"] = all(extractor.get("largest") for extractor in extractors) or None
    unset = {name for name, value in extractors[0].items() if value is None}
    return {name: value for name, value in merged.items() if value is not None or name in unset}


def _choice(name: str) -> Callable[[list[Any]], Any]:
    return min if name in _LEAST else max


def _outer(values: Sequence[Any], choose: Callable[[list[Any]], Any]) -> Any:
    """The least or greatest value; None, an open end, if one is None."""
    known = [value for value in values if value is not None]
    return choose(known) if len(known) == len(values) else None


def _range(ranges: Sequence[Sequence[float | None] | None]) -> list[float | None] | None:
    known = [limits for limits in ranges if limits is not None]
    if len(known) < len(ranges):
        return None
    return [_outer([low for low, _ in known], min), _outer([high for _, high in known], max)]
