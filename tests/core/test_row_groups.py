"""Row groups joined to a table: the same rows, without a second copy of their lists."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from faceswap.core.row_groups import join_groups

SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("box", pa.list_(pa.float32(), 2)),
        ("raw", pa.list_(pa.float64(), 1)),
        ("words", pa.list_(pa.string(), 1)),
    ]
)
ROWS = [
    {"name": f"{n}", "box": [n, 0.5], "raw": [n] if n % 2 else None, "words": ["a"]}
    for n in range(7)
]

READ = """
import sys
from pathlib import Path
import pyarrow as pa
import pyarrow.parquet as pq
from faceswap.core.table_documents import read_table

file = Path(sys.argv[1])
table = read_table(file, pq.read_schema(file))
print(pa.default_memory_pool().max_memory())
"""


@pytest.mark.parametrize("sizes", [(), (7,), (3, 0, 4), (1,) * 7])
@pytest.mark.parametrize("further", [0, 50])
def test_rows_come_back_in_order(sizes, further):
    rows = ROWS[: sum(sizes)]
    ends = np.cumsum(sizes, dtype=int)
    groups = [
        pa.Table.from_pylist(rows[end - size : end], schema=SCHEMA)
        for size, end in zip(sizes, ends, strict=True)
    ]
    joined = join_groups(groups, SCHEMA, {"box": 8 * len(rows) + further}, nullable=("raw",))
    assert joined.schema == SCHEMA
    assert joined.to_pylist() == rows
    assert joined["box"].num_chunks == 1


def test_a_column_larger_than_its_size_is_an_error():
    group = pa.Table.from_pylist(ROWS, schema=SCHEMA)
    with pytest.raises(ValueError, match="broadcast"):
        join_groups([group], SCHEMA, {"box": 8 * len(ROWS) - 1}, nullable=("raw",))


def test_lists_are_never_in_memory_twice(tmp_path):
    groups, rows, length = 16, 500, 200
    file = tmp_path / "a.parquet"
    schema = pa.schema([("points", pa.list_(pa.float32(), length))])
    numbers = np.arange(groups * rows * length, dtype=np.float32)
    table = pa.table([pa.FixedSizeListArray.from_arrays(numbers, length)], schema=schema)
    pq.write_table(table, file, row_group_size=rows)
    command = [sys.executable, "-c", READ, str(file)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert int(output) < numbers.nbytes / 2  # of the library, besides the table
