"""Seeded changes of files: of bytes, of JSON and YAML values, and of Parquet tables."""

import io
import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_NAMES = (
    "../../x",
    "/etc/passwd",
    "..",
    "",
    "a/b",
    "CON",
    "[/red]",
    "\x1b[2J",
    "\u202e",
    "x" * 300,
)
_ODD = ("\\ud800", "NaN", "Infinity", "1e999", "9" * 400, "-0.0", "9223372036854775808", "{", "")
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 2**31, 2**53, 2**70, -(10**18), 1e308, float("nan")),
    *([], {}, [[]], [None], {"a": 1}, ["a", "b"], "a", "1", *_NAMES),
)
_YAML = (
    *("!!bool x", "!!int x", "!!timestamp 2020-99-99", "&a [*a]", "*a", "!!python/name:os.system"),
    *("[" * 200, "? [a]\n: b", "{a: {a: {a: 1}}}", "<<: 1", "0x" + "f" * 500, "\x00", "1:99:99"),
    *("!!set {a}", "!!omap [1]", "!!binary x", "2020-01-01", "- 1", "...", "--- !!map", ".nan"),
)

Mutation = Callable[[Random, bytes], bytes]


def mutated_bytes(random: Random, content: bytes) -> bytes:
    """Flips, cuts, repeats or inserts bytes."""
    data = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 8))):
        place = random.randrange(len(data) + 1)
        length = random.choice((1, 2, 8, 64))
        match random.randrange(5):
            case 0 if data:
                data[min(place, len(data) - 1)] ^= 1 << random.randrange(8)
            case 1:
                del data[place : place + length]
            case 2:
                other = random.randrange(len(data) + 1)
                data[place:place] = data[other : other + length]
            case 3:
                data[place : place + length] = random.randbytes(length)
            case _:
                del data[place:]
    return bytes(data)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Containers and keys of all values inside a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(items):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


def mutated_value(random: Random, value: Any) -> Any:
    """Replaces, removes, renames or nests a value of a JSON document."""
    if not isinstance(value, dict | list) or random.random() < 0.03:
        return deepcopy(random.choice(_VALUES))
    value = json.loads(json.dumps(value))
    for _ in range(random.choice((1, 1, 1, 3))):
        places = list(_places(value))
        if not places:
            return deepcopy(random.choice(_VALUES))
        container, key = random.choice(places)
        match random.randrange(6):
            case 0:
                del container[key]
            case 1 if isinstance(container, dict):
                container[random.choice(_NAMES)] = container.pop(key)
            case 2:
                for _level in range(random.choice((2, 80))):
                    container[key] = [container[key]]
            case 3:
                other, place = random.choice(places)
                if place in other if isinstance(other, dict) else place < len(other):
                    container[key] = json.loads(json.dumps(other[place]))
            case _:
                container[key] = deepcopy(random.choice(_VALUES))
    return value


def mutated_json(random: Random, content: bytes) -> bytes:
    """Changes the values of a JSON document, or its text."""
    if random.random() < 0.2:
        return mutated_bytes(random, content)
    text = json.dumps(mutated_value(random, json.loads(content)))
    match random.randrange(12):
        case 0:
            text = text.replace(random.choice('0123456789"'), random.choice(_ODD), 1)
        case 1:
            text = random.choice("[{") * 100_000 + text
        case 2:  # a key twice
            text = text.replace("{", '{"format": 1, "version": [], ', 1)
    return text.encode()


def mutated_yaml(random: Random, content: bytes) -> bytes:
    """Changes the values of a YAML document, or its text."""
    lines = content.decode().splitlines()
    for _ in range(random.choice((1, 1, 3))):
        number = random.randrange(len(lines))
        name, colon, _ = lines[number].partition(":")
        match random.randrange(6):
            case 0:
                del lines[number]
            case 1:
                lines.insert(number, lines[number])
            case 2:
                lines[number] = " " * random.randrange(9) + lines[number].strip()
            case 3:
                lines[number] = f"{name}{colon} {random.choice(_VALUES)!r}"
            case _:
                lines[number] = f"{name}{colon} {random.choice(_YAML)}"
        lines = lines or [""]
    changed = "\n".join(lines).encode(errors="replace")
    return mutated_bytes(random, changed) if random.random() < 0.3 else changed


def mutated_table(random: Random, content: bytes) -> bytes:
    """Changes a column of a Parquet file, or its bytes."""
    if random.random() < 0.6:
        return mutated_bytes(random, content)
    table = pq.read_table(io.BytesIO(content))
    number = random.randrange(table.num_columns)
    field, rows = table.schema.field(number), table.num_rows
    match random.randrange(6):
        case 0:
            table = table.remove_column(number)
        case 1:
            table = table.append_column(field, table.column(number))
        case 2:
            table = table.set_column(number, field, pa.nulls(rows, field.type))
        case 3:
            names = pa.array([random.choice(_NAMES) for _ in range(rows)])
            table = table.set_column(number, field.name, names)
        case 4:
            values = pa.array([random.choice((0.0, -1.0, float("nan"), 1e308))] * rows)
            same = pa.types.is_floating(field.type) or pa.types.is_integer(field.type)
            values = values.cast(field.type, safe=False) if same else values
            table = table.set_column(number, field.name, values)
        case _:
            table = table.slice(0, random.randrange(rows + 1))
    target = io.BytesIO()
    pq.write_table(table, target)
    return target.getvalue()
