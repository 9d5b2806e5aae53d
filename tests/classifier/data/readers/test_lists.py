import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from classifier.data import load_images, open_dataset, split_dataset
from classifier.models.formats import InputFormat
from faceswap.core.errors import MediaError

Write = Callable[..., Path]


def labelled(samples: tuple) -> list[tuple[str, int]]:
    return [(sample.path.name, sample.label) for sample in samples]


def test_csv(tmp_path: Path, fill: Write) -> None:
    fill(tmp_path, pictures=3)
    (tmp_path / "list.csv").write_text(
        "File,Class,who,group\n"
        "pictures/000.png,01,me,g\n"
        "pictures/001.png,1,me,\n"
        'pictures/002.png,"one, two",you,h\n'
    )
    data = open_dataset(tmp_path / "list.csv")
    assert data.classes == ("01", "1", "one, two")  # text: 01 and 1 are two classes
    assert labelled(data.splits["train"]) == [("000.png", 0), ("001.png", 1), ("002.png", 2)]
    assert [sample.group for sample in data.samples] == ["g", "", "h"]
    assert data.notes == ("Ignored columns of list.csv: who.",)


def test_parquet_with_splits(tmp_path: Path, fill: Write) -> None:
    fill(tmp_path, pictures=5)
    table = {
        "path": [f"pictures/{number:03d}.png" for number in range(5)],
        "label": [7, 3, 7, 3, 3],
        "split": ["train", "Training", "val", "test", "valid"],
    }
    pq.write_table(pa.table(table), tmp_path / "list.parquet")
    data = open_dataset(tmp_path / "list.parquet")
    assert data.classes == ("3", "7")
    assert labelled(data.splits["train"]) == [("000.png", 1), ("001.png", 0)]
    assert labelled(data.splits["validation"]) == [("002.png", 1), ("004.png", 0)]
    assert labelled(data.splits["test"]) == [("003.png", 0)]


def test_list_of_masks(tmp_path: Path, picture: Write, mask: Write) -> None:
    picture(tmp_path / "i.png")
    mask(tmp_path / "m.png", np.eye(30, 40))
    (tmp_path / "list.csv").write_text("image,mask\ni.png,m.png\n")
    data = open_dataset(tmp_path / "list.csv")
    assert data.task == "pixels"
    assert data.classes == ("0", "1")
    assert data.samples[0].mask == tmp_path / "m.png"


def test_missing_files_are_reported(tmp_path: Path, fill: Write) -> None:
    fill(tmp_path, pictures=2)
    rows = [f"pictures/{number:03d}.png,{number}" for number in range(3)]
    (tmp_path / "list.csv").write_text("\n".join(["path,label", *rows]))
    data = open_dataset(tmp_path / "list.csv")
    assert len(data.samples) == 2
    assert data.notes[0].startswith("Skipped 1 file of list.csv that do not exist, such as ")
    (tmp_path / "list.csv").write_text("path,label\nx.png,a\n")
    with pytest.raises(MediaError, match="None of the images"):
        open_dataset(tmp_path / "list.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as a list"),
        ("path,label\n", "has no rows"),
        ("name,label\n000.png,a\n", "lacks required columns; found: name, label"),
        ("path,note\n000.png,a\n", "lacks required columns"),
        ("path,file,label\n000.png,000.png,a\n", "more than one path column"),
        ("path,label\n000.png,a\n001.png\n", "cannot be read as a list"),
        ("path,label\n000.png,a\n001.png,\n", "row 2: missing label"),
        ("path,label\n000.png,a\n,b\n", "row 2: missing path"),
        ("path,label,note,note\n000.png,a,,\n", "the column 'note' more than once"),
        (
            "path,label,split\n000.png,a,train\n001.png,b,mine\n",
            "row 2: expected a split .* found 'mine'",
        ),
        ("path,label,split\n000.png,a,train\n001.png,b,\n", "row 2: expected a split .* found ''"),
        (f"path,label\n000.png,a\n{'x' * 300}.png,b\n", "row 2: expected the path of a file"),
        (
            "path,label,split\n000.png,a,train\n001.png,b,train\n000.png,c,val\n",
            "not in the training split: c",
        ),
    ],
)
def test_malformed_lists(tmp_path: Path, fill: Write, text: str, message: str) -> None:
    (fill(tmp_path, pictures=2) / "pictures" / "list.csv").write_text(text)
    with pytest.raises(MediaError, match=message):
        open_dataset(tmp_path / "pictures" / "list.csv")


def test_invalid_parquet(tmp_path: Path) -> None:
    (tmp_path / "list.parquet").write_bytes(b"no parquet")
    with pytest.raises(MediaError, match="cannot be read as a list"):
        open_dataset(tmp_path / "list.parquet")


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(b"path,label\nx.png,caf\xe9\n")
    with pytest.raises(MediaError, match="cannot be read as a list"):
        open_dataset(tmp_path / "list.csv")
    names = pa.array([b"x.png", b"\xe9.png"]).cast(pa.string(), safe=False)
    rows = pa.table({"path": names, "label": ["a", "b"]})
    pq.write_table(rows, tmp_path / "list.parquet")
    with pytest.raises(MediaError, match="is not a valid Parquet file"):
        open_dataset(tmp_path / "list.parquet")


def encoded(colour: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (12, 10), (colour, colour, colour)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("layout", ["struct", "binary"])
def test_images_in_parquet(tmp_path: Path, layout: str) -> None:
    contents = [encoded(20 * number) for number in range(6)]
    stored = [{"bytes": c, "path": None} for c in contents] if layout == "struct" else contents
    features = {"label": {"names": ["wolf", "dog"], "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table({"image": stored, "label": [0, 1, 0, 1, 0, 1]})
    path = tmp_path / "hf.parquet"
    pq.write_table(table.replace_schema_metadata(metadata), path, row_group_size=4)
    data = open_dataset(path)
    assert data.classes == ("wolf", "dog")  # the order of the metadata
    assert [sample.label for sample in data.samples] == [0, 1, 0, 1, 0, 1]
    loaded, skipped = load_images(data.samples[::-1], InputFormat(8, 1, (0.0,), (1.0,)))
    assert not skipped
    assert loaded.images[:, 0, 0, 0].tolist() == [100, 80, 60, 40, 20, 0]


def test_parquet_without_a_label_or_an_image(tmp_path: Path) -> None:
    path = tmp_path / "hf.parquet"
    image = encoded(0)
    pq.write_table(pa.table({"image": [image, image], "label": [1.0, float("nan")]}), path)
    with pytest.raises(MediaError, match="row 2: missing label"):
        open_dataset(path)
    pq.write_table(pa.table({"image": [image, None, b"none"], "label": [1, 2, 2]}), path)
    data = open_dataset(path)
    _, skipped = load_images(data.samples, InputFormat(8, 3, (0.0,) * 3, (1.0,) * 3))
    assert [why for _, why in skipped] == ["row 2 has no image", "not an image"]
    pq.write_table(pa.table({"path": ["x.png"], "mask": [image]}), path)
    with pytest.raises(MediaError, match="found images"):
        open_dataset(path)


def test_a_list_without_training_rows_can_only_be_evaluated(tmp_path: Path, fill: Write) -> None:
    fill(tmp_path, pictures=2)
    rows = "pictures/000.png,a,val\npictures/001.png,b,Testing\n"
    (tmp_path / "list.csv").write_text(f"path,label,split\n{rows}")
    data = open_dataset(tmp_path / "list.csv")
    assert [len(data.splits[split]) for split in ("train", "validation", "test")] == [0, 1, 1]
    with pytest.raises(
        MediaError, match=r"Expected a training split in .* found: validation, test"
    ):
        split_dataset(data, 0.2, seed=0)


def test_a_column_whose_type_was_changed_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "list.parquet"
    pq.write_table(pa.table({"path": ["a.png", "b.png"], "label": ["a", "b"]}), path)
    # In the footer, text becomes booleans; pyarrow ends the process when it describes this.
    text, boolean = b"\x15\x0c\x25\x02\x18\x05label", b"\x15\x00\x25\x02\x18\x05label"
    assert text in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(text, boolean))
    with pytest.raises(MediaError, match=r"list\.parquet"):
        open_dataset(path)


def test_an_image_repeated_by_a_short_file_is_stored_once(tmp_path: Path) -> None:
    path = tmp_path / "list.parquet"
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "BMP")
    pq.write_table(pa.table({"image": [file.getvalue()] * 4_000, "label": [0, 1] * 2_000}), path)
    assert path.stat().st_size < 1 << 20  # of 120 MB
    data = open_dataset(path)
    loaded, _ = load_images(data.samples[-2:], InputFormat(8, 3, (0.0,) * 3, (1.0,) * 3))
    assert len(loaded) == 2
