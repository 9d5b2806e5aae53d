"""Row groups of a Parquet file as one table, whose long columns are never in memory twice."""

from collections.abc import Collection, Iterable

import numpy as np
import pyarrow as pa


def join_groups(
    groups: Iterable[pa.Table], schema: pa.Schema, rows: int, nullable: Collection[str]
) -> pa.Table:
    """Joins the row groups of a table.

    Lists of numbers take most of the memory. They are copied group by group into arrays of their
    final size, because an array that grows, or is joined at the end, is in memory twice.

    Args:
        groups: Row groups in order, with the columns of the schema.
        schema: Columns of the table.
        rows: Number of rows of all groups, at most.
        nullable: Names of the columns in which values may be missing.

    Returns:
        The table; its lists of numbers are in one chunk, unless values of them may be missing.
    """
    lists = {
        field.name: np.empty((rows, field.type.list_size), field.type.value_type.to_pandas_dtype())
        for field in schema
        if field.name not in nullable and _is_list_of_numbers(field.type)
    }
    others = [schema.empty_table().drop_columns([*lists])]
    start = 0
    for group in groups:
        end = start + group.num_rows
        for name, values in lists.items():
            flat = group[name].combine_chunks().flatten()
            values[start:end] = flat.to_numpy().reshape(-1, values.shape[1])
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
