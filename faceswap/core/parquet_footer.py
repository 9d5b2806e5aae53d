"""Sizes of a Parquet file by its footer, read without the Parquet library.

The library ends the process when it describes a column whose metadata are damaged, so they are
read here: a struct of Thrift's compact protocol, of which a few fields are needed
(https://github.com/apache/parquet-format, ``parquet.thrift``).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from faceswap.core.documents import size_limit

_MAGIC = b"PAR1"
_MOST_BYTES = 4 << 20
_DEEPEST = 16
_BOOLEAN, _INT32, _INT96, _FLOAT, _BYTE_ARRAY = 0, 1, 3, 4, 6  # types of values
_WIDTHS = {_BOOLEAN: 1, _INT32: 4, _FLOAT: 4, _INT96: 12}  # bytes of a decoded value
_WIDTH = 8  # of the others; of text, at least
_STRUCT, _LIST, _SET, _MAP, _BINARY, _DOUBLE = 12, 9, 10, 11, 8, 7


@dataclass(frozen=True)
class ColumnSize:
    """Size of a column of plain values in a row group.

    Attributes:
        path: Names of the columns that hold it, joined with dots ("box.list.element").
        size: Size in bytes when it is decoded, at least; text that is repeated may count once.
        is_bytes: Whether its values are text or bytes.
    """

    path: str
    size: int
    is_bytes: bool


@dataclass(frozen=True)
class GroupSizes:
    """Sizes of a row group.

    Attributes:
        rows: Number of rows.
        columns: Columns of plain values.
    """

    rows: int
    columns: tuple[ColumnSize, ...]

    def within(self, names: Collection[str]) -> list[ColumnSize]:
        """The columns of plain values inside some columns of the table."""
        return [column for column in self.columns if column.path.partition(".")[0] in names]

    def size_of(self, names: Collection[str]) -> int:
        """Size of some columns of the table in bytes."""
        return sum(column.size for column in self.within(names))


@dataclass(frozen=True)
class ParquetSizes:
    """Sizes of a Parquet file.

    Attributes:
        rows: Number of rows.
        groups: Row groups.
    """

    rows: int
    groups: tuple[GroupSizes, ...]


def read_sizes(path: Path) -> ParquetSizes:
    """Reads the sizes that the footer of a Parquet file gives.

    Raises:
        ValueError: It is not a Parquet file, or its footer is damaged.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return sizes_of(file)


def sizes_of(file: BinaryIO) -> ParquetSizes:
    """Reads the sizes that the footer of an open Parquet file gives; see ``read_sizes``."""
    end = file.seek(0, 2)
    file.seek(max(0, end - 8))
    tail = file.read(8)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != _MAGIC or length > end - 8 or length > size_limit(_MOST_BYTES):
        raise ValueError("it has no footer of a Parquet file")
    file.seek(end - 8 - length)
    footer = _Footer(file.read(length)).struct(0)
    try:
        groups = tuple(
            GroupSizes(_count(group[3]), tuple(_column(chunk[3]) for chunk in group[1]))
            for group in footer[4]
        )
        return ParquetSizes(_count(footer[3]), groups)
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError("its footer lacks the metadata of a column") from error


def _column(facts: Mapping[int, Any]) -> ColumnSize:
    path = ".".join(name.decode(errors="replace") for name in facts[3])
    size = max(_count(facts[6]), _count(facts[5]) * _WIDTHS.get(facts[1], _WIDTH))
    return ColumnSize(path, size, facts[1] == _BYTE_ARRAY)


def _count(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError("its footer has a negative size")
    return value


class _Footer:
    """Parser of Thrift's compact protocol: structs become mappings of values by field number."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.place = 0

    def struct(self, depth: int) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        number = 0
        while (header := self._byte()) != 0:
            number = number + (header >> 4) if header >> 4 else self._signed()
            kind = header & 15
            fields[number] = kind == 1 if kind in (1, 2) else self._value(kind, depth + 1)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if depth > _DEEPEST:
            raise ValueError("its footer is nested too deep")
        if kind in (1, 2, 3):  # of a list, booleans are bytes
            return self._byte()
        if kind in (4, 5, 6):
            return self._signed()
        if kind == _DOUBLE:
            return self._bytes(8)
        if kind == _BINARY:
            return self._bytes(self._unsigned())
        if kind in (_LIST, _SET):
            header = self._byte()
            size = header >> 4 if header >> 4 < 15 else self._unsigned()
            return [self._value(header & 15, depth + 1) for _ in range(self._fitting(size))]
        if kind == _MAP:
            size = self._fitting(self._unsigned())
            kinds = self._byte() if size else 0
            for _ in range(size):
                self._value(kinds >> 4, depth + 1)
                self._value(kinds & 15, depth + 1)
            return None
        if kind == _STRUCT:
            return self.struct(depth)
        raise ValueError("its footer has a field of an unknown type")

    def _byte(self) -> int:
        if self.place >= len(self.content):
            raise ValueError("its footer ends too early")
        self.place += 1
        return self.content[self.place - 1]

    def _bytes(self, size: int) -> bytes:
        self.place += self._fitting(size)
        return self.content[self.place - size : self.place]

    def _fitting(self, size: int) -> int:
        """A number of bytes, or of values of at least one byte, that the footer may still hold."""
        if size > len(self.content) - self.place:
            raise ValueError("its footer ends too early")
        return size

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
            if shift > 63:
                raise ValueError("its footer has a number of more than 64 bits")

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
