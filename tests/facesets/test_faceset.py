import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from faceswap.core.errors import (
    FacesetError,
    OutputBusyError,
    OutputExistsError,
    StorageFullError,
)
from faceswap.core.locks import hold_folder
from faceswap.facesets import faceset as faceset_module
from faceswap.facesets.faceset import SCHEMA, Faceset, read_rows
from faceswap.facesets.subjects import set_subject
from faceswap.facesets.writer import FacesetWriter
from faceswap.geometry.alignment import HEAD_COVERAGE, crop_matrix, head_pose
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.media.images import write_image
from faceswap.provenance.subject import Subject

SOURCE = {"name": "clip", "path": "clip.mp4", "kind": "video", "sha256": "a" * 64}
EXTRACTOR = {"detector": "d", "crop_size": 32, "crop_coverage": HEAD_COVERAGE, "every": 1}


def row(frame: int, face: int = 0, track: int = 0, shift: float = 0.0) -> dict:
    landmarks = (60 * MEAN_FACE[:, :2] + [100 + frame + shift, 80 + 40 * face]).astype(np.float32)
    pose = head_pose(landmarks)
    return {
        "frame": frame,
        "pts": frame * 512,
        "time": frame / 25,
        "face": face,
        "track": track,
        "box": np.array([60, 40, 140, 120], np.float32),
        "score": 0.9,
        "landmarks": landmarks,
        "mesh": np.full((468, 3), frame, np.float32),
        "matrix": crop_matrix(landmarks, 32, HEAD_COVERAGE),
        "yaw": pose.yaw,
        "pitch": pose.pitch,
        "roll": pose.roll,
        "sharpness": 10.0,
        "exposure": 0.5,
        "embedding": None,
        "image": f"{frame:06d}-{face}.png",
        "mask": f"{frame:06d}-{face}.png",
    }


def write_faceset(path, frames=range(6), source=SOURCE) -> Faceset:
    writer = FacesetWriter(path, source, EXTRACTOR, overwrite=False)
    for frame in frames:
        writer.add(row(frame))
        write_image(path / "images" / f"{frame:06d}-0.png", np.full((32, 32, 3), frame, np.uint8))
        write_image(path / "masks" / f"{frame:06d}-0.png", np.full((32, 32), 255, np.uint8))
    writer.end_shard(max(frames) + 1, {"tracks": []})
    writer.finish(frames=max(frames) + 1, damage="")
    return Faceset.open(path)


def test_what_is_written_is_read(tmp_path):
    faceset = write_faceset(tmp_path / "clip")
    faces = faceset.faces()
    assert [face.frame for face in faces] == list(range(6))
    assert faces[3].pts == 1536
    np.testing.assert_allclose(faces[3].matrix, row(3)["matrix"])
    # Evenly moving landmarks are what temporal smoothing must leave alone, away from the ends.
    np.testing.assert_allclose(faces[3].landmarks, row(3)["landmarks"], atol=0.05)
    assert faceset.load_crop(faces[4]).mean() == 4
    assert faceset.load_mask(faces[4]).shape == (32, 32)
    assert faceset.subject == {"name": "", "basis": "unstated", "reference": ""}
    assert faceset.by_frame()[5][0].image == "000005-0.png"
    assert faceset.record["source"]["faces"] == faceset.record["source"]["frames_with_face"] == 6
    assert not (tmp_path / "clip" / "shards").exists()


def test_parquet_holds_the_mesh_and_is_plain(tmp_path):
    write_faceset(tmp_path / "clip")
    table = pq.read_table(tmp_path / "clip" / "faces.parquet")
    assert table.num_rows == 6
    assert len(table["mesh"][2].as_py()) == 468 * 3
    assert len(table["landmarks"][0].as_py()) == 136


def test_jitter_is_smoothed(tmp_path):
    writer = FacesetWriter(tmp_path / "clip", SOURCE, EXTRACTOR, overwrite=False)
    for frame in range(20):
        writer.add(row(frame, shift=0.2 * (-1) ** frame))
    writer.end_shard(20, None)
    writer.finish(frames=20, damage="")
    found = [face.landmarks[30, 0] for face in Faceset.open(tmp_path / "clip").faces()]
    rough = [row(f, shift=0.2 * (-1) ** f)["landmarks"][30, 0] for f in range(20)]
    assert np.abs(np.diff(found, 2)[4:-4]).max() < 0.5 * np.abs(np.diff(rough, 2)).max()


@pytest.mark.parametrize("name", ["aux.mp4", "a:b.mp4", ".hidden.mp4"])
def test_the_name_of_a_source_is_a_label(name, tmp_path):
    write_faceset(tmp_path / "clip")
    file = tmp_path / "clip" / "faceset.json"
    record = json.loads(file.read_text())
    record["source"] |= {"name": name, "files": [name]}
    file.write_text(json.dumps(record))
    assert Faceset.open(tmp_path / "clip").name == name


def test_names_of_crops_other_than_usual_are_checked(tmp_path, monkeypatch):
    faceset = write_faceset(tmp_path / "clip")
    checked = []
    monkeypatch.setattr(faceset_module, "check_name", lambda name, what: checked.append(name))
    for name in ("000001-0.jpg", "face one.png", "0" * 300 + "-0.png", "../000001-0.png"):
        rows = faceset.rows.to_pylist()
        rows[1]["image"] = name
        columns = [field for field in SCHEMA if field.name not in ("mesh", "embedding")]
        pq.write_table(pa.Table.from_pylist(rows, pa.schema(columns)), tmp_path / "rows")
        read_rows(tmp_path / "rows", pa.schema(columns))
    assert checked == ["face one.png", "0" * 300 + "-0.png", "../000001-0.png"]


def test_the_rows_are_hashed_once(tmp_path, monkeypatch):
    write_faceset(tmp_path / "clip")
    faceset = Faceset.open(tmp_path / "clip")
    before = faceset.content_hash()
    monkeypatch.setattr(faceset_module, "sha256_file", lambda path: pytest.fail("hashed again"))
    assert faceset.content_hash() == before


def test_deleting_an_image_removes_the_face_from_training_only(tmp_path):
    faceset = write_faceset(tmp_path / "clip")
    before = faceset.content_hash()
    (tmp_path / "clip" / "images" / "000002-0.png").unlink()
    assert [face.frame for face in faceset.trainable()] == [0, 1, 3, 4, 5]
    assert len(faceset.faces()) == 6
    assert faceset.content_hash() != before


def test_an_interrupted_writer_resumes_after_the_last_shard(tmp_path):
    path = tmp_path / "clip"
    writer = FacesetWriter(path, SOURCE, EXTRACTOR, overwrite=False)
    for frame in range(3):
        writer.add(row(frame))
    writer.end_shard(3, {"next_track": 7})
    writer.add(row(3))  # lost: the shard was never ended

    with pytest.raises(FacesetError, match="unfinished"):
        Faceset.open(path)
    again = FacesetWriter(path, SOURCE, EXTRACTOR, overwrite=False)
    assert (again.next_frame, again.state) == (3, {"next_track": 7})
    for frame in range(3, 6):
        again.add(row(frame))
    again.end_shard(6, None)
    assert again.finish(frames=6, damage="") == 6
    whole = write_faceset(tmp_path / "whole")
    resumed = Faceset.open(path)
    for a, b in zip(resumed.faces(), whole.faces(), strict=True):
        np.testing.assert_array_equal(a.landmarks, b.landmarks)
    assert FacesetWriter(path, SOURCE, EXTRACTOR, overwrite=False).complete


def test_another_source_or_other_settings_are_refused(tmp_path):
    write_faceset(tmp_path / "clip")
    with pytest.raises(FacesetError, match="another source"):
        FacesetWriter(tmp_path / "clip", SOURCE | {"sha256": "b" * 64}, EXTRACTOR, overwrite=False)
    with pytest.raises(FacesetError, match="detector: 'd' -> 'e'"):
        FacesetWriter(tmp_path / "clip", SOURCE, EXTRACTOR | {"detector": "e"}, overwrite=False)
    fresh = FacesetWriter(
        tmp_path / "clip", SOURCE | {"sha256": "b" * 64}, EXTRACTOR, overwrite=True
    )
    assert fresh.next_frame == 0
    assert not fresh.complete


def test_overwrite_and_discard_leave_other_files(tmp_path):
    write_faceset(tmp_path / "clip")
    (tmp_path / "clip" / "notes.txt").write_text("mine")
    writer = FacesetWriter(tmp_path / "clip", SOURCE, EXTRACTOR, overwrite=True)
    writer.begin()
    writer.discard()
    assert [file.name for file in (tmp_path / "clip").iterdir()] == ["notes.txt"]


def test_errors_say_what_to_do(tmp_path):
    with pytest.raises(FacesetError, match="no faceset") as error:
        Faceset.open(tmp_path)
    assert "faceswap extract" in error.value.hint
    write_faceset(tmp_path / "alice")
    with pytest.raises(FacesetError) as error:
        Faceset.open(tmp_path)
    assert "alice" in error.value.hint

    record = tmp_path / "alice" / "faceset.json"
    document = json.loads(record.read_text())
    for damaged, message in (
        (document | {"version": 99}, "version 99"),
        (document | {"format": "other"}, "found the text 'other'"),
        ({k: v for k, v in document.items() if k != "source"}, "source is missing"),
        ({"schema_version": 2}, "version 2"),
        ([], "found None"),
    ):
        record.write_text(json.dumps(damaged))
        with pytest.raises(FacesetError, match=message):
            Faceset.open(tmp_path / "alice")
    record.write_text("{")
    with pytest.raises(FacesetError, match="not valid JSON"):
        Faceset.open(tmp_path / "alice")


def make_unversioned(path) -> None:
    """Rewrites faceset.json as it was before formats had names."""
    document = json.loads((path / "faceset.json").read_text())
    del document["format"], document["version"]
    (path / "faceset.json").write_text(json.dumps({"schema_version": 1, **document}))


def test_a_faceset_from_before_formats_had_names_is_read(tmp_path):
    faceset = write_faceset(tmp_path / "clip")
    make_unversioned(faceset.path)
    again = Faceset.open(faceset.path)
    assert again.record == faceset.record
    assert again.content_hash() == faceset.content_hash()
    set_subject(faceset.path, Subject("Alice", "self"))
    document = json.loads((faceset.path / "faceset.json").read_text())
    assert (document["format"], document["version"]) == ("faceswap-faceset", 1)
    assert Faceset.open(faceset.path).subject["name"] == "Alice"


def test_an_unfinished_old_faceset_is_rejected_and_can_be_overwritten(tmp_path):
    path = tmp_path / "clip"
    FacesetWriter(path, SOURCE, EXTRACTOR, overwrite=False)
    make_unversioned(path)
    (path / "shards").rename(path / "parts")
    with pytest.raises(FacesetError, match="earlier version") as error:
        FacesetWriter(path, SOURCE, EXTRACTOR, overwrite=False)
    assert "--overwrite" in error.value.hint
    FacesetWriter(path, SOURCE, EXTRACTOR, overwrite=True).begin()
    assert not (path / "parts").exists()


def test_faces_without_a_mesh_are_smoothed_and_have_none(tmp_path):
    sets = []
    for name, bare in (("with", False), ("without", True)):
        writer = FacesetWriter(tmp_path / name, SOURCE, EXTRACTOR, overwrite=False)
        for frame in range(8):
            one = row(frame, shift=0.2 * (-1) ** frame)
            writer.add(one | {"mesh": None} if bare else one)
        writer.end_shard(8, None)
        writer.finish(frames=8, damage="")
        sets.append(Faceset.open(tmp_path / name))
    for ours, theirs in zip(sets[1].faces(), sets[0].faces(), strict=True):
        np.testing.assert_array_equal(ours.landmarks, theirs.landmarks)
    table = pq.read_table(tmp_path / "without" / "faces.parquet")
    assert table["mesh"].null_count == 8


def test_half_a_parquet_is_an_error_not_a_traceback(tmp_path):
    write_faceset(tmp_path / "clip")
    rows = tmp_path / "clip" / "faces.parquet"
    rows.write_bytes(rows.read_bytes()[:500])
    with pytest.raises(FacesetError, match="not a valid Parquet file"):
        Faceset.open(tmp_path / "clip")


def test_full_disk_keeps_the_finished_shards(tmp_path, monkeypatch):
    path = tmp_path / "clip"
    writer = FacesetWriter(path, SOURCE, EXTRACTOR, overwrite=False)
    writer.add(row(0))
    writer.end_shard(1, None)
    writer.add(row(1))

    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("faceswap.facesets.writer.pq.write_table", full)
    with pytest.raises(StorageFullError, match="full"):
        writer.end_shard(2, None)
    monkeypatch.undo()
    assert FacesetWriter(path, SOURCE, EXTRACTOR, overwrite=False).next_frame == 1
    assert [file.suffix for file in (path / "shards").iterdir()] == [".parquet"]


def test_files_that_belong_to_no_face_are_named(tmp_path):
    faceset = write_faceset(tmp_path / "clip")
    assert faceset.unknown_images() == []
    images = faceset.path / "images"
    (images / "000002-0.png").rename(images / "best one.png")
    write_image(images / "000003-0.webp", np.zeros((32, 32, 3), np.uint8))
    for name in (".DS_Store", "Thumbs.db"):
        (images / name).touch()
    (images / "@eaDir").mkdir()
    assert faceset.unknown_images() == ["000003-0.webp", "best one.png"]
    assert len(faceset.trainable()) == 5


def test_a_faceset_without_its_images_is_refused(tmp_path):
    faceset = write_faceset(tmp_path / "clip")
    shutil.rmtree(faceset.path / "images")
    with pytest.raises(FacesetError, match="images") as raised:
        faceset.trainable()
    assert "extract" in raised.value.hint


def test_links_that_lead_out_of_a_faceset_are_not_read(tmp_path):
    faceset = write_faceset(tmp_path / "clip")
    first, second = faceset.faces()[:2]
    private = tmp_path / "private.png"
    write_image(private, np.zeros((32, 32, 3), np.uint8))
    crop = faceset.path / "images" / first.image
    crop.unlink()
    crop.symlink_to(private)
    with pytest.raises(FacesetError, match="link to another place"):
        faceset.load_crop(first)
    crop.unlink()
    crop.symlink_to(second.image)  # stays inside
    assert faceset.load_crop(first).mean() == 1
    (faceset.path / "masks").rename(tmp_path / "elsewhere")
    (faceset.path / "masks").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FacesetError, match="link to another place"):
        faceset.load_mask(first)


def test_nothing_is_written_through_the_links_of_a_faceset(tmp_path):
    write_faceset(tmp_path / "clip")
    (tmp_path / "clip" / "images").rename(tmp_path / "mine")
    (tmp_path / "clip" / "images").symlink_to(tmp_path / "mine")
    for overwrite in (False, True):
        with pytest.raises(FacesetError, match="found a link"):
            FacesetWriter(tmp_path / "clip", SOURCE, EXTRACTOR, overwrite=overwrite)
    assert len(list((tmp_path / "mine").iterdir())) == 6


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_with_files_of_the_user_is_refused(tmp_path, overwrite):
    photo = tmp_path / "clip" / "images" / "holiday.jpg"
    photo.parent.mkdir(parents=True)
    photo.write_bytes(b"mine")
    with pytest.raises(OutputExistsError, match=r"no faceset, and holds other files: images"):
        FacesetWriter(tmp_path / "clip", SOURCE, EXTRACTOR, overwrite=overwrite)
    assert photo.read_bytes() == b"mine"


def test_overwrite_keeps_what_the_user_added_to_images(tmp_path):
    write_faceset(tmp_path / "clip")
    (tmp_path / "clip" / "images" / "holiday.jpg").write_bytes(b"mine")
    writer = FacesetWriter(tmp_path / "clip", SOURCE, EXTRACTOR, overwrite=True)
    writer.begin()
    writer.discard()
    left = [path.name for path in (tmp_path / "clip").rglob("*")]
    assert sorted(left) == ["holiday.jpg", "images"]


def test_a_subject_is_not_set_while_an_extraction_writes(tmp_path):
    write_faceset(tmp_path / "clip")
    with hold_folder(tmp_path / "clip", "the extraction"), pytest.raises(OutputBusyError):
        set_subject(tmp_path / "clip", Subject("Alice", "self"))
