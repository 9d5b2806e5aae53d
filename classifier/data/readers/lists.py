"""CSV and Parquet lists of images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from classifier.data.dataset import Dataset, Sample
from classifier.data.readers.class_file import ClassNames
from classifier.data.readers.folder_names import composed, find_split
from classifier.data.readers.image_folders import order_classes
from classifier.data.readers.mask_folders import with_codes
from classifier.data.readers.tables import (
    HINT,
    class_names,
    holds_images,
    read_columns,
    read_schema,
)
from faceswap.core.errors import MediaError
from faceswap.core.text import counted

_COLUMNS = {
    "path": "path",
    "file": "path",
    "image": "path",
    "label": "label",
    "class": "label",
    "mask": "mask",
    "split": "split",
    "group": "group",
}


@dataclass(frozen=True)
class _Row:
    sample: Sample
    number: int
    label: str
    split: str


def open_list(path: Path, names: ClassNames | None) -> Dataset:
    """Open a CSV or Parquet list.

    Args:
        path: CSV or Parquet file. A Parquet column may hold the images themselves.
        names: Classes; None for the sorted labels of the list.

    Raises:
        MediaError: Unreadable, missing columns or values, repeated columns, or no existing files.
    """
    schema = read_schema(path)
    columns, notes = _columns(schema, path)
    rows, missing = _rows(columns, _texts(columns, schema, path), path)
    if not rows:
        raise MediaError(f"None of the images listed in {path} exists.", HINT)
    if missing:
        notes.append(
            f"Skipped {counted(len(missing), 'file')} of {path.name} that do not exist, such as "
            f"{missing[0]}."
        )
    splits = _by_split(rows, path)
    if "mask" in columns:
        samples = {split: tuple(row.sample for row in members) for split, members in splits.items()}
        return with_codes(Dataset(path, "pixels", (), samples, notes=tuple(notes)), names)
    known = splits["train"] or rows
    found = sorted({row.label for row in known})
    classes = order_classes(found, names.names if names else _class_names(columns, found), path)
    number = {name: label for label, name in enumerate(classes)}
    if unknown := sorted({row.label for row in rows} - set(classes)):
        raise MediaError(
            f"{path} has classes that are not in the training split: {', '.join(unknown)}.", HINT
        )
    samples = {
        split: tuple(replace(row.sample, label=number[row.label]) for row in members)
        for split, members in splits.items()
    }
    return Dataset(path, "images", classes, samples, notes=tuple(notes))


@dataclass(frozen=True)
class _Column:
    """A column of a list: its name, whether it holds images, and the names of integer labels."""

    name: str
    images: bool = False
    names: tuple[str, ...] | None = None


_Columns = dict[str, _Column]
"""Columns of a list by meaning."""


def _columns(schema: pa.Schema, path: Path) -> tuple[_Columns, list[str]]:
    """Columns by meaning, and notes for the user."""
    columns: _Columns = {}
    ignored: list[str] = []
    for field in schema:
        meaning = _COLUMNS.get(field.name.strip().lower())
        if meaning is None:
            ignored.append(field.name)
        elif meaning in columns:
            raise MediaError(
                f"{path} has more than one {meaning} column: {columns[meaning].name!r} and "
                f"{field.name!r}.",
                "Rename or remove one of them.",
            )
        else:
            images = holds_images(field)
            if images and meaning != "path":
                raise MediaError(
                    f"Expected text in the column {field.name!r} of {path}, found images.",
                    "Write the masks to files, and list their paths.",
                )
            listed = class_names(schema, field.name) if meaning == "label" else None
            columns[meaning] = _Column(field.name, images, tuple(listed) if listed else None)
    if "path" not in columns or not {"label", "mask"} & set(columns):
        found = ", ".join(schema.names) or "none"
        raise MediaError(f"{path} lacks required columns; found: {found}.", HINT)
    if columns["path"].images and "mask" in columns:
        raise MediaError(
            f"{path} holds the images themselves, but paths of masks.",
            "Write the images to files, and list their paths.",
        )
    notes = [f"Ignored columns of {path.name}: {', '.join(ignored)}."] if ignored else []
    return columns, notes


def _class_names(columns: _Columns, found: Sequence[str]) -> tuple[str, ...] | None:
    """Class names of the list's own metadata, in their order, of the labels that occur."""
    names = columns["label"].names
    return None if names is None else tuple(name for name in names if name in found)


_Texts = dict[str, list[str]]
"""Values of columns as text, by meaning."""


def _texts(columns: _Columns, schema: pa.Schema, path: Path) -> _Texts:
    """Values of the columns that are text or numbers, by meaning; missing ones are empty."""
    wanted = {meaning: column for meaning, column in columns.items() if not column.images}
    chosen = pa.schema([schema.field(column.name) for column in wanted.values()])
    values = read_columns(path, chosen)
    texts = {
        meaning: [_text(value, column.names) for value in values[column.name]]
        for meaning, column in wanted.items()
    }
    if not next(iter(texts.values())):
        raise MediaError(f"{path} has no rows.", HINT)
    return texts


def _text(value: object, names: Sequence[str] | None) -> str:
    """A value as text, empty if it is missing; a numbered class becomes its name."""
    if value is None or value != value:  # NaN
        return ""
    if names is not None and isinstance(value, int):
        return names[value] if 0 <= value < len(names) else ""
    return str(value).strip()


def _rows(columns: _Columns, texts: _Texts, path: Path) -> tuple[list[_Row], list[Path]]:
    """Rows whose files exist, and missing files."""
    count = len(next(iter(texts.values())))
    stored = columns["path"].name if columns["path"].images else ""
    masked = "mask" in columns
    wanted = ["mask" if masked else "label", *([] if stored else ["path"])]
    rows: list[_Row] = []
    missing: list[Path] = []
    for place in range(count):
        row = {meaning: values[place] for meaning, values in texts.items()}
        if lacking := [meaning for meaning in wanted if not row[meaning]]:
            raise MediaError(f"{path}, row {place + 1}: missing {lacking[0]}.", HINT)
        files = [] if stored else [path.parent / row[name] for name in wanted if name != "label"]
        absent = [file for file in files if not _is_file(file, path, place)]
        missing += absent
        if not absent:
            sample = Sample(
                path if stored else path.parent / row["path"],
                -1,
                path.parent / row["mask"] if masked else None,
                row.get("group", ""),
                place if stored else None,
                stored,
            )
            split = row.get("split", "")
            rows.append(_Row(sample, place + 1, composed(row.get("label", "")), split))
    return rows, missing


def _is_file(file: Path, path: Path, place: int) -> bool:
    try:
        return file.is_file()
    except (OSError, ValueError) as error:  # too long, or with a NUL character
        raise MediaError(
            f"{path}, row {place + 1}: expected the path of a file, found {str(file)[:60]!r}.", HINT
        ) from error


def _by_split(rows: Sequence[_Row], path: Path) -> dict[str, list[_Row]]:
    if not any(row.split for row in rows):
        return {"train": list(rows)}
    splits: dict[str, list[_Row]] = {"train": []}
    for row in rows:
        split = find_split(row.split)
        if split is None:
            raise MediaError(
                f"{path}, row {row.number}: expected a split train, validation or test, found "
                f"{row.split!r}.",
                HINT,
            )
        splits.setdefault(split, []).append(row)
    return splits
