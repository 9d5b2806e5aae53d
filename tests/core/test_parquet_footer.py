"""Sizes by the footer agree with those of the Parquet library; damaged footers are errors."""

from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from faceswap.core.parquet_footer import read_sizes


@pytest.fixture
def path(tmp_path):
    columns = {
        "number": pa.array(range(1000), pa.int64()),
        "name": pa.array(["a", None] * 500),
        "box": pa.array([[1.0, 2.0]] * 1000, pa.list_(pa.float32(), 2)),
        "nested": pa.array([{"x": [1], "y": b"z"}] * 1000),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet", row_group_size=300)
    return tmp_path / "a.parquet"


def test_sizes_are_those_of_the_library(path):
    sizes, metadata = read_sizes(path), pq.read_metadata(path)
    assert sizes.rows == metadata.num_rows == 1000
    assert len(sizes.groups) == metadata.num_row_groups == 4
    for number, group in enumerate(sizes.groups):
        described = metadata.row_group(number)
        assert group.rows == described.num_rows
        for place, column in enumerate(group.columns):
            theirs = described.column(place)
            assert column.path == theirs.path_in_schema
            assert column.size == max(theirs.total_uncompressed_size, 8 * theirs.num_values)
            assert column.is_bytes == (theirs.physical_type == "BYTE_ARRAY")
        assert [column.path for column in group.within(["name", "nested"])] == [
            "name",
            "nested.x.list.element",
            "nested.y",
        ]


def test_damaged_footers_are_errors(path):
    content = path.read_bytes()
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    for damaged in (b"", b"PAR1", content[:-1], content[:100] + content[-8:], content[-8:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="footer"):
            read_sizes(path)
    for number in range(500):
        random = Random(number)
        changed = bytearray(content)
        changed[random.randrange(start, len(content) - 8)] = random.randrange(256)
        path.write_bytes(changed)
        try:
            read_sizes(path)
        except ValueError as error:
            assert "footer" in str(error)  # noqa: PT017 (most changes are harmless)
