"""CSV and Parquet lists of images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from classifier.data.dataset import Dataset, Sample
from classifier.data.readers.class_file import ClassNames
from classifier.data.readers.folder_names import composed, find_split
from classifier.data.readers.image_folders import order_classes
from classifier.data.readers.mask_folders import with_codes
from faceswap.core.errors import MediaError

SUFFIXES = (".csv", ".parquet", ".pq")
_HINT = (
    "Expected the columns path (or file, image) and either label (or class) or mask. Optional "
    "columns: split (train, validation, test), group. Paths are relative to the list."
)
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
    number: int
    path: Path
    label: str
    mask: Path | None
    split: str
    group: str


def open_list(path: Path, names: ClassNames | None) -> Dataset:
    """Open a CSV or Parquet list.

    Args:
        path: CSV or Parquet file.
        names: Classes; None for the sorted labels of the list.

    Raises:
        MediaError: Unreadable, missing columns or values, no existing files, or fewer than two
            classes.
    """
    columns, notes = _columns(_read(path), path)
    rows, missing = _rows(columns, path)
    if not rows:
        raise MediaError(f"None of the images listed in {path} exists.", _HINT)
    if missing:
        notes.append(
            f"Skipped {len(missing)} files of {path.name} that do not exist, such as {missing[0]}."
        )
    splits = _by_split(rows, path)
    if "mask" in columns:
        samples = {
            split: tuple(Sample(row.path, -1, row.mask, row.group) for row in members)
            for split, members in splits.items()
        }
        return with_codes(Dataset(path, "pixels", (), samples, notes=tuple(notes)), names)
    found = sorted({row.label for row in splits["train"]})
    classes = order_classes(found, names.names if names else None, path)
    number = {name: label for label, name in enumerate(classes)}
    if unknown := sorted({row.label for row in rows} - set(classes)):
        raise MediaError(
            f"{path} has classes that are not in the training split: {', '.join(unknown)}.", _HINT
        )
    samples = {
        split: tuple(Sample(row.path, number[row.label], group=row.group) for row in members)
        for split, members in splits.items()
    }
    return Dataset(path, "images", classes, samples, notes=tuple(notes))


def _read(path: Path) -> pa.Table:
    try:
        if path.suffix.lower() != ".csv":
            return pq.read_table(path)
        with pa_csv.open_csv(path) as reader:
            names = reader.schema.names
        # As text: the labels 01 and 1 differ.
        options = pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
        return pa_csv.read_csv(path, convert_options=options)
    except (OSError, pa.ArrowException) as error:
        raise MediaError(f"{path} cannot be read as a list: {error}.", _HINT) from error


def _columns(table: pa.Table, path: Path) -> tuple[dict[str, list[str]], list[str]]:
    """Column values by meaning, and notes for the user."""
    columns: dict[str, list[str]] = {}
    ignored: list[str] = []
    for name in table.column_names:
        meaning = _COLUMNS.get(name.strip().lower())
        if meaning is None:
            ignored.append(name)
        elif meaning in columns:
            raise MediaError(f"{path} has more than one {meaning} column; one is {name!r}.", _HINT)
        else:
            values = table.column(name).to_pylist()
            columns[meaning] = ["" if value is None else str(value).strip() for value in values]
    if "path" not in columns or not {"label", "mask"} & set(columns):
        found = ", ".join(table.column_names) or "none"
        raise MediaError(f"{path} lacks required columns; found: {found}.", _HINT)
    if not columns["path"]:
        raise MediaError(f"{path} has no rows.", _HINT)
    notes = [f"Ignored columns of {path.name}: {', '.join(ignored)}."] if ignored else []
    return columns, notes


def _rows(columns: dict[str, list[str]], path: Path) -> tuple[list[_Row], list[Path]]:
    """Rows whose files exist, and missing files."""
    count = len(columns["path"])
    blank = [""] * count
    masked = "mask" in columns
    texts = (columns.get(name, blank) for name in ("path", "label", "mask", "split", "group"))
    rows: list[_Row] = []
    missing: list[Path] = []
    for number, (file, label, mask, split, group) in enumerate(zip(*texts, strict=True), 1):
        if not file or not (mask if masked else label):
            what = "path" if not file else "mask" if masked else "label"
            raise MediaError(f"{path}, row {number}: missing {what}.", _HINT)
        files = [path.parent / name for name in ([file, mask] if masked else [file])]
        absent = [name for name in files if not name.is_file()]
        missing += absent
        if not absent:
            mask_path = files[1] if masked else None
            rows.append(_Row(number, files[0], composed(label), mask_path, split, group))
    return rows, missing


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
                _HINT,
            )
        splits.setdefault(split, []).append(row)
    if not splits["train"]:
        raise MediaError(f"{path} has no rows with split train.", _HINT)
    return splits
