"""JSON, YAML and Parquet from elsewhere: sizes, depth, types, and the place in the message."""

import os
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from faceswap.core import documents, table_documents
from faceswap.core.documents import DocumentModel, Items, read_json, restore_type
from faceswap.core.errors import ConfigError, DocumentError, FaceswapError, MediaError
from faceswap.core.table_documents import check_finite, read_note, read_table
from faceswap.core.yaml_documents import parse_yaml, read_yaml


class Entry(DocumentModel):
    name: str
    count: int


class Document(DocumentModel):
    entries: Items[Entry]


def refused(path, content, schema=None) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DocumentError) as error:
        read_json(path, schema)
    assert str(path) in error.value.message
    return error.value.message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b'"\xff"', "not valid JSON"),
        ("[" * 100_000, "not valid JSON: recursion limit"),
        ("[" * 70 + "]" * 70, "more than 64 levels"),
        ('"\\ud800"', "not valid JSON"),
        ("9" * 5000, "not valid JSON"),
        ("9" * 40, "more than 64 bits"),
        ("[NaN]", "not valid JSON"),
    ],
)
def test_json_that_no_program_should_use_is_refused(content, words, tmp_path):
    assert words in refused(tmp_path / "a.json", content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[]", "its content: expected a valid dictionary"),
        ("{}", "entries is missing"),
        ('{"entries": [{"name": "a", "count": 1}, {"name": 1, "count": 1}]}', "entries[1].name"),
        ('{"entries": [{"name": "a", "count": true}]}', "expected a valid integer, found True"),
        ('{"entries": [{"name": "a", "count": "1"}]}', "found the text '1'"),
    ],
)
def test_the_message_gives_place_expected_and_found(content, words, tmp_path):
    assert words in refused(tmp_path / "a.json", content, Document)


def test_unknown_keys_are_kept(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"entries": [], "later": 1}')
    assert read_json(path, Document) == {"entries": [], "later": 1}


def test_a_million_wrong_items_are_one_problem(tmp_path):
    words = refused(tmp_path / "a.json", '{"entries": [' + "1," * 1_000_000 + "1]}", Document)
    assert "entries[0]" in words
    assert len(words) < 500


def test_large_files_are_refused_until_the_limit_is_raised(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "_JSON_BYTES", 10)
    path = tmp_path / "a.json"
    path.write_text("[1, 2, 3, 4, 5]")
    with pytest.raises(DocumentError, match="more than") as error:
        read_json(path)
    assert documents.MEGABYTES in error.value.hint
    monkeypatch.setenv(documents.MEGABYTES, "1")
    assert read_json(path) == [1, 2, 3, 4, 5]
    monkeypatch.setenv(documents.MEGABYTES, "much")
    with pytest.raises(ConfigError, match="number of MB"):
        read_json(path)


def test_very_many_small_values_are_as_large_as_a_large_file(tmp_path):
    assert "more than 32 MB" in refused(tmp_path / "a.json", "[" + "{}," * 2_200_000 + "{}]")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_and_folders_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MediaError, match="pipe"):
        read_json(tmp_path / "pipe")
    with pytest.raises(DocumentError, match="found a folder"):
        read_json(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "absent")


@dataclass
class Point:
    place: tuple[float, ...]
    step: int = 0


def test_dataclasses_come_back_with_their_types():
    assert restore_type({"place": [1, 2.5]}, Point, "it", DocumentError, "") == Point((1, 2.5))
    with pytest.raises(DocumentError, match=r"it is damaged: place\[0\]: expected a valid number"):
        restore_type({"place": ["1"]}, Point, "it", DocumentError, "")


BOMB = "a: &a [x, x]\n" + "".join(f"{n}: &{n} [*a, *a]\n" for n in "bcdefgh")


@pytest.mark.parametrize(
    "text",
    [
        *(BOMB, "a: &a [*a]", "[" * 500, "- " * 100 + "a", "!!bool x", "!!int x", "!!float z"),
        *("a: !!timestamp 2020-99-99", "a: !!timestamp 2020-01-01", "!!set {a}", "!!binary eA=="),
        *("!!python/name:os.system", "0x" + "f" * 400, "1: 2", "? [a]\n: b", '"\\ud800"', "\x00"),
    ],
)
def test_yaml_is_plain_values_without_aliases(text, tmp_path):
    with pytest.raises(ConfigError, match="The recipe"):
        parse_yaml(text, "The recipe")
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ConfigError, match="The recipe"):
        read_yaml(tmp_path / "c.yaml", "The recipe")


def test_yaml_is_utf_8(tmp_path):
    (tmp_path / "c.yaml").write_bytes(b"\x00\x82")
    with pytest.raises(ConfigError, match="UTF-8"):
        read_yaml(tmp_path / "c.yaml", "The recipe")


SCHEMA = pa.schema(
    [("number", pa.int32()), ("name", pa.string()), ("box", pa.list_(pa.float32(), 2))]
)
ROWS = [{"number": n, "name": "a", "box": [0.5, n]} for n in range(4)]


def table(path, rows=ROWS, schema=SCHEMA):
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path


def test_tables_come_back(tmp_path):
    path = table(tmp_path / "a.parquet")
    assert read_table(path, SCHEMA).to_pylist() == ROWS
    assert read_table(path, SCHEMA.remove(0)).column_names == ["name", "box"]


@pytest.mark.parametrize("missing", [{0}, {1, 3}, {0, 1, 2, 3}])
def test_missing_lists_come_back(tmp_path, missing):
    rows = [row | ({"box": None} if n in missing else {}) for n, row in enumerate(ROWS)]
    path = table(tmp_path / "a.parquet", rows)
    assert read_table(path, SCHEMA, nullable=("box",)).to_pylist() == rows


@pytest.mark.parametrize("name", SCHEMA.names)
def test_columns_that_a_file_may_lack_are_empty(tmp_path, name):
    position = SCHEMA.names.index(name)
    path = table(tmp_path / "a.parquet", schema=SCHEMA.remove(position))
    rows = [row | {name: None} for row in ROWS]
    assert read_table(path, SCHEMA, optional=(name,)).to_pylist() == rows
    with pytest.raises(DocumentError, match=f"a.parquet has no column '{name}'"):
        read_table(path, SCHEMA)


@pytest.mark.parametrize(
    ("rows", "schema", "words"),
    [
        (ROWS, SCHEMA.remove(1), "no column 'name'"),
        (ROWS, SCHEMA.set(0, pa.field("number", pa.int64())), "Expected int32"),
        (ROWS, SCHEMA.set(2, pa.field("box", pa.list_(pa.float32()))), "Expected fixed_size_list"),
        ([*ROWS, {"number": None, "name": "a", "box": [1, 2]}], SCHEMA, "a value of 'number'"),
        ([*ROWS, {"number": 1, "name": "a", "box": [None, 2]}], SCHEMA, "a value of 'box'"),
        ([{"number": 1, "name": "a" * 5000, "box": [1, 2]}], SCHEMA, "text of 5000 bytes"),
    ],
)
def test_other_tables_are_refused(rows, schema, words, tmp_path):
    with pytest.raises(DocumentError, match=words):
        read_table(table(tmp_path / "a.parquet", rows, schema), SCHEMA)


def test_a_column_that_occurs_twice_is_refused(tmp_path):
    names = pa.array(["a"])
    pq.write_table(pa.Table.from_arrays([names, names], ["name", "name"]), tmp_path / "a.parquet")
    with pytest.raises(DocumentError, match="more than once"):
        read_table(tmp_path / "a.parquet", pa.schema([("name", pa.string())]))


def test_a_short_file_of_many_rows_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    # Equal values take a few bytes in the file, whatever their number.
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"number": pa.array([0] * 3_000_000, pa.int32())}), path)
    assert path.stat().st_size < 50_000
    monkeypatch.setattr(table_documents, "_TABLE_BYTES", 1 << 20)
    with pytest.raises(DocumentError, match="more than 1 MB"):
        read_table(path, pa.schema([("number", pa.int32())]))


def test_a_long_text_repeated_in_a_short_file_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"name": ["a" * 4000] * 100_000}), path)
    assert path.stat().st_size < 50_000
    monkeypatch.setattr(table_documents, "_TABLE_BYTES", 10 << 20)
    with pytest.raises(DocumentError, match="more than 10 MB"):
        read_table(path, pa.schema([("name", pa.string())]))


def test_long_texts_of_many_row_groups_are_refused_together(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"name": ["a" * 4000] * 20_000}), path, row_group_size=2000)
    monkeypatch.setattr(table_documents, "_TABLE_BYTES", 10 << 20)  # each takes 8 MB
    with pytest.raises(DocumentError, match="more than 10 MB"):
        read_table(path, pa.schema([("name", pa.string())]))


def test_damaged_parquet_is_refused(tmp_path):
    path = table(tmp_path / "a.parquet")
    content = path.read_bytes()
    for damaged in (b"", content[:100], content[: len(content) // 2] + content[-200:]):
        path.write_bytes(damaged)
        with pytest.raises(DocumentError):
            read_table(path, SCHEMA)
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "absent", SCHEMA)


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_numbers_that_are_not_finite_are_found(number, tmp_path):
    rows = [*ROWS, {"number": 1, "name": "a", "box": [float(number), 2]}]
    found = read_table(table(tmp_path / "a.parquet", rows), SCHEMA)
    with pytest.raises(FaceswapError, match="finite numbers in 'box'"):
        check_finite(found, ["number", "box"], tmp_path, FaceswapError, "")


def test_notes_in_tables_are_checked(tmp_path):
    path = tmp_path / "a.parquet"
    for note, words in ((b'{"name": 1}', "name"), (b"{", "not valid JSON"), (None, "no entry")):
        metadata = {b"other": b""} if note is None else {b"note": note}
        rows = pa.Table.from_pylist(ROWS, schema=SCHEMA)
        pq.write_table(rows.replace_schema_metadata(metadata), path)
        with pytest.raises(DocumentError, match=words):
            read_note(path, b"note", Entry, error=DocumentError)
