"""Class files: ``classes.txt`` and ``classes.csv``."""

import csv
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from classifier.data.dataset import IGNORE_INDEX, Colour, MaskCode
from classifier.data.readers.folder_names import composed
from faceswap.core.documents import read_content
from faceswap.core.errors import MediaError

CLASS_FILES = ("classes.csv", "classes.txt")
_MOST_BYTES = 4 << 20
_UNLABELLED = frozenset({"void", "ignore", "ignored", "unlabelled", "unlabeled"})
_HINT = (
    "Expected one class name per line (classes.txt), or the columns index, name and, for colour "
    "masks, colour as #rrggbb or r g b (classes.csv)."
)


@dataclass(frozen=True)
class ClassNames:
    """Contents of a class file.

    Attributes:
        names: Class names in order, without unlabelled classes.
        code: Encoding of the masks.
        ignore_index: First mask value of unlabelled pixels, or None.
    """

    names: tuple[str, ...]
    code: MaskCode
    ignore_index: int | None


def find_class_file(root: Path) -> Path | None:
    """Path of ``classes.csv`` or ``classes.txt`` in a directory, or None."""
    return next((f for name in CLASS_FILES if (f := root / name).is_file()), None)


def read_class_file(path: Path) -> ClassNames:
    """Read a class file. Classes named void, ignore or unlabelled mark unlabelled pixels.

    Raises:
        MediaError: Missing, empty or malformed, or with duplicate names or indices.
    """
    try:
        text = read_content(path, _MOST_BYTES, MediaError, _HINT).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise MediaError(f"The class file {path} cannot be read: {error}.", _HINT) from error
    rows = _csv_rows(text, path) if path.suffix.lower() == ".csv" else _text_rows(text)
    _check(rows, path)
    names: list[str] = []
    values: list[tuple[int, int]] = []
    colours: list[tuple[Colour, int]] = []
    for value, name, colour in rows:
        label = IGNORE_INDEX if name.lower() in _UNLABELLED else len(names)
        if label != IGNORE_INDEX:
            names.append(name)
        values.append((value, label))
        if colour is not None:
            colours.append((colour, label))
    ignore_index = next((value for value, label in values if label == IGNORE_INDEX), None)
    return ClassNames(tuple(names), MaskCode(tuple(values), tuple(colours)), ignore_index)


Row = tuple[int, str, Colour | None]


def _text_rows(text: str) -> list[Row]:
    lines = [composed(line.strip()) for line in text.splitlines()]
    return [(value, name, None) for value, name in enumerate(filter(None, lines))]


def _csv_rows(text: str, path: Path) -> list[Row]:
    table = csv.DictReader(text.splitlines())
    try:
        columns = {name.strip().lower(): name for name in table.fieldnames or () if name}
        lines = list(table)
    except csv.Error as error:
        raise MediaError(f"{path}: {error}.", _HINT) from error
    colour = columns.get("colour", columns.get("color"))
    if not {"index", "name"} <= set(columns):
        found = ", ".join(columns) or "none"
        raise MediaError(f"Expected the columns index and name in {path}, found {found}.", _HINT)
    rows: list[Row] = []
    for number, row in enumerate(lines, 2):
        try:
            value, name = int(row[columns["index"]]), composed(row[columns["name"]].strip())
            rows.append((value, name, _colour(row[colour]) if colour else None))
        except (ValueError, AttributeError, TypeError) as error:
            raise MediaError(f"{path}, line {number}: {error}.", _HINT) from error
    return rows


def _colour(text: str) -> Colour:
    text = text.strip()
    if match := re.fullmatch(r"#?([0-9a-fA-F]{6})", text):
        red, green, blue = bytes.fromhex(match[1])
        return red, green, blue
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    if len(numbers) != 3 or max(numbers) > 255:
        raise ValueError(f"{text!r} is not a colour")
    return numbers[0], numbers[1], numbers[2]


def _check(rows: list[Row], path: Path) -> None:
    names = [name for _, name, _ in rows]
    values = [value for value, _, _ in rows]
    if len([name for name in names if name.lower() not in _UNLABELLED]) < 2:
        raise MediaError(f"Expected at least two classes in {path}.", _HINT)
    for what, entries in (("class", names), ("index", values)):
        (commonest, times) = Counter(map(str, entries)).most_common(1)[0]
        if times > 1:
            raise MediaError(f"{path} has the {what} {commonest!r} twice.", _HINT)
    if not all(0 <= value <= 255 for value in values):
        raise MediaError(f"Expected indices from 0 to 255 in {path}.", _HINT)
