"""Order and group of faces, written into the table of their faceset."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pyarrow as pa

from faceswap.core.locks import hold_folder
from faceswap.facesets.edit import rewrite_rows
from faceswap.facesets.rows import SCHEMA


def write_marks(
    faceset: Path, column: Literal["order", "group"], marks: Mapping[str, int | str | None]
) -> None:
    """Replaces the orders or the groups of all faces, complete or not at all.

    Args:
        faceset: Directory of the faceset.
        column: Column that is replaced.
        marks: Values by the file name of the crop; other faces get none.

    Raises:
        FacesetError: The faceset is damaged.
        OutputBusyError: Another process writes the faceset.
        StorageFullError: The disk is full; the faceset is as it was.
    """
    field = SCHEMA.field(column)

    def change(rows: pa.Table) -> pa.Table:
        values = [marks.get(image) for image in rows["image"].to_pylist()]
        place = rows.schema.get_field_index(column)
        return rows.set_column(place, field, pa.array(values, field.type))

    with hold_folder(faceset, "the curation"):
        rewrite_rows(faceset, change)
