"""Row groups of a Parquet file as one table, whose long columns are never in memory twice."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def join_groups(
    groups: Iterable[pa.Table],
    schema: pa.Schema,
    sizes: Mapping[str, int],
    nullable: Collection[str],
) -> pa.Table:
    """Joins the row groups of a table.

    Lists of numbers take most of the memory. They are copied group by group into arrays of their
    final size, because an array that grows, or is joined at the end, is in memory twice.

    Args:
        groups: Row groups in order, with the columns of the schema.
        schema: Columns of the table.
        sizes: Size of each column of lists in bytes, at least.
        nullable: Names of the columns in which values may be missing.

    Returns:
        The table; its lists of numbers are in one chunk, unless values of them may be missing.

    Raises:
        ValueError: A column is larger than its size.
    """
    lists = {
        field.name: _array(field.type, sizes[field.name])
        for field in schema
        if field.name not in nullable and _is_list_of_numbers(field.type)
    }
    others = [schema.empty_table().drop_columns([*lists])]
    start = 0
    for group in groups:
        end = start + group.num_rows
        for name, values in lists.items():
            numbers = group[name].combine_chunks().flatten().to_numpy()
            values[start:end] = numbers.reshape(-1, values.shape[1])
        others.append(group.drop_columns([*lists]))
        start = end
    columns = pa.concat_tables(others)
    return pa.table(
        [
            pa.FixedSizeListArray.from_arrays(
                lists[field.name][:start].reshape(-1), type=field.type
            )
            if field.name in lists
            else columns[field.name]
            for field in schema
        ],
        schema=schema,
    )


def _is_list_of_numbers(kind: pa.DataType) -> bool:
    return pa.types.is_fixed_size_list(kind) and pa.types.is_floating(kind.value_type)


def _array(kind: pa.DataType, size: int) -> NDArray[Any]:
    """An array for a column of lists; pages that are not written to take no memory."""
    dtype = np.dtype(kind.value_type.to_pandas_dtype())
    return np.empty((size // (kind.list_size * dtype.itemsize), kind.list_size), dtype)
