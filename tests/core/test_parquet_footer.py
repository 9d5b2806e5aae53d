"""Sizes by the footer agree with those of the Parquet library; damaged footers are errors."""

from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from faceswap.core.errors import FacesetError
from faceswap.core.parquet_footer import read_sizes
from faceswap.core.table_documents import _check_size
from faceswap.facesets.rows import KEPT, SCHEMA

WIDTHS = {"BOOLEAN": 1, "INT32": 4, "FLOAT": 4}


@pytest.fixture
def path(tmp_path):
    columns = {
        "number": pa.array(range(1000), pa.int64()),
        "flag": pa.array([True] * 1000),
        "short": pa.array([7] * 1000, pa.int16()),
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
            width = WIDTHS.get(theirs.physical_type, 8)
            assert column.size == max(theirs.total_uncompressed_size, width * theirs.num_values)
            assert column.is_bytes == (theirs.physical_type == "BYTE_ARRAY")
        assert [column.path for column in group.within(["name", "nested"])] == [
            "name",
            "nested.x.list.element",
            "nested.y",
        ]


def number(value: int) -> bytes:
    """A number of Thrift's compact protocol."""
    content = bytearray()
    while value > 127:
        content.append(value & 127 | 128)
        value >>= 7
    return bytes([*content, value])


def struct(*fields: int | bytes | list[bytes]) -> bytes:
    """A struct of Thrift: numbers, texts, and lists of texts or of structs (which end with 0)."""
    content = b""
    for value in fields:
        if isinstance(value, int):
            content += b"\x16" + number(2 * value)
        elif isinstance(value, bytes):
            content += b"\x1c" + value
        else:
            kind = 8 if value[0][-1:] != b"\0" else 12
            texts = [number(len(text)) + text if kind == 8 else text for text in value]
            content += b"\x19" + bytes([0xF0 | kind]) + number(len(value)) + b"".join(texts)
    return content + b"\0"


def write_footer(path: Path, rows: int, size: int) -> None:
    """Writes the footer of a faceset of many faces behind a hole of the size of its rows."""
    kinds = {"float": 4, "double": 5, "int64": 2, "string": 6}
    chunks = []
    for field in SCHEMA:
        plain = field.type.value_type if pa.types.is_nested(field.type) else field.type
        each = field.type.list_size if pa.types.is_fixed_size_list(field.type) else 1
        facts = [kinds.get(str(plain), 1), 0, [field.name.encode()], 0, rows * each, 0]
        chunks.append(struct(0, 0, struct(*facts)))
    footer = struct(1, 0, rows, [struct(chunks, 0, rows)])
    with path.open("wb") as file:
        file.seek(size)
        file.write(footer + len(footer).to_bytes(4, "little") + b"PAR1")


def test_facesets_of_millions_of_faces_are_not_too_large(tmp_path):
    path = tmp_path / "faces.parquet"
    for rows, size in ((750_000, 1000), (4_000_000, 2 << 30)):
        write_footer(path, rows, size)
        assert read_sizes(path).groups[0].size_of(["landmarks"]) == 4 * 136 * rows
        _check_size(read_sizes(path), KEPT, path, FacesetError, "")
    for rows, size in ((900_000, 1000), (12_000_000, 8 << 30)):
        write_footer(path, rows, size)
        with pytest.raises(FacesetError, match="holds more than"):
            _check_size(read_sizes(path), KEPT, path, FacesetError, "")


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
