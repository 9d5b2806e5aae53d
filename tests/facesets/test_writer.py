"""Writing facesets: segments, resuming, replacing, and what is refused."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

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
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.record import read_record
from faceswap.facesets.segments import SegmentRecord
from faceswap.facesets.subjects import set_subject
from faceswap.facesets.writer import FacesetWriter
from faceswap.provenance.subject import Subject
from faceswap.tracking.stitching import SegmentTracks, Sighting
from tests.facesets.written import (
    EXTRACTOR,
    SOURCE,
    make_unversioned,
    row,
    write_faceset,
    write_whole,
)

BOX = np.array([0.5, 1.25, 40, 60], np.float32)


def test_jitter_is_smoothed(tmp_path):
    writer = FacesetWriter(tmp_path / "clip", SOURCE, EXTRACTOR, overwrite=False)
    write_whole(writer, [row(frame, shift=0.2 * (-1) ** frame) for frame in range(20)], 20)
    found = [face.landmarks[30, 0] for face in Faceset.open(tmp_path / "clip").faces()]
    rough = [row(f, shift=0.2 * (-1) ** f)["landmarks"][30, 0] for f in range(20)]
    assert np.abs(np.diff(found, 2)[4:-4]).max() < 0.5 * np.abs(np.diff(rough, 2)).max()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_an_interrupted_writer_keeps_its_segments(tmp_path, order: tuple[int, int]):
    path = tmp_path / "clip"
    spans: list[tuple[int, int | None]] = [(0, 3), (3, None)]
    tracks = SegmentTracks(frozenset({7}), (Sighting(0, 7, BOX),), (Sighting(2, 7, BOX),))
    written, missing = spans[order[0]], spans[order[1]]
    writer = FacesetWriter(path, SOURCE, EXTRACTOR, overwrite=False)
    rows = [row(frame) for frame in range(6)]
    record = SegmentRecord(6, 3, 1, {"yaw": 2}, tracks, {"b.jpg": "why"}, "damaged")
    writer.write_segment(*written, rows[slice(*written)], record)

    with pytest.raises(FacesetError, match="unfinished"):
        Faceset.open(path)
    again = FacesetWriter(path, SOURCE, EXTRACTOR, overwrite=False)
    assert [again.has_segment(*span) for span in spans] == [i == order[0] for i in range(2)]
    ((_, kept),) = again.segments()
    assert replace(kept, tracks=tracks) == record
    assert kept.tracks.tracks == {7}
    for ours, theirs in ((kept.tracks.before, tracks.before), (kept.tracks.after, tracks.after)):
        assert [seen.to_json() for seen in ours] == [seen.to_json() for seen in theirs]
    again.write_segment(*missing, rows[slice(*missing)], SegmentRecord(6, 3))
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
    assert not fresh.segments()
    assert not fresh.complete


def test_landmarks_of_other_weights_are_not_mixed(tmp_path, monkeypatch):
    """An unfinished faceset is not continued with them; a complete one is what it is."""
    paths = write_faceset(tmp_path / "complete").path, tmp_path / "unfinished"
    writer = FacesetWriter(paths[1], SOURCE, EXTRACTOR, overwrite=False)
    writer.write_segment(0, None, [row(0)], SegmentRecord(1, 1))
    monkeypatch.setattr("faceswap.facesets.segments.weights_hash", lambda: "b" * 64)
    extractor = read_record(paths[0])["extractor"]
    assert FacesetWriter(paths[0], SOURCE, extractor, overwrite=False).complete
    with pytest.raises(FacesetError, match="written by an earlier version"):
        FacesetWriter(paths[1], SOURCE, EXTRACTOR, overwrite=False)
    assert not FacesetWriter(paths[1], SOURCE, EXTRACTOR, overwrite=True).complete


def test_landmarks_of_unrecorded_weights_are_not_continued(tmp_path):
    writer = FacesetWriter(tmp_path / "clip", SOURCE, EXTRACTOR, overwrite=False)
    writer.write_segment(0, None, [row(0)], SegmentRecord(1, 1))
    ((segment, _),) = writer.segments()
    table = pq.read_table(segment)
    note = json.loads(table.schema.metadata[b"segment"])
    del note["landmarks"]
    metadata = table.schema.metadata | {b"segment": json.dumps(note).encode()}
    pq.write_table(table.replace_schema_metadata(metadata), segment)
    with pytest.raises(FacesetError, match="landmarks"):
        FacesetWriter(tmp_path / "clip", SOURCE, EXTRACTOR, overwrite=False)


def test_overwrite_and_discard_leave_other_files(tmp_path):
    write_faceset(tmp_path / "clip")
    (tmp_path / "clip" / "notes.txt").write_text("mine")
    writer = FacesetWriter(tmp_path / "clip", SOURCE, EXTRACTOR, overwrite=True)
    writer.begin()
    writer.discard()
    assert [file.name for file in (tmp_path / "clip").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("old", ["parts", "shards"])
def test_an_unfinished_old_faceset_is_rejected_and_can_be_overwritten(tmp_path, old):
    path = tmp_path / "clip"
    FacesetWriter(path, SOURCE, EXTRACTOR, overwrite=False)
    make_unversioned(path)
    (path / "segments").rename(path / old)
    (path / old / "shard-000000000.parquet").touch()
    with pytest.raises(FacesetError, match="earlier version") as error:
        FacesetWriter(path, SOURCE, EXTRACTOR, overwrite=False)
    assert "--overwrite" in error.value.hint
    FacesetWriter(path, SOURCE, EXTRACTOR, overwrite=True).begin()
    assert not (path / old).exists()


def test_faces_without_a_mesh_are_smoothed_and_have_none(tmp_path):
    sets = []
    for name, bare in (("with", False), ("without", True)):
        writer = FacesetWriter(tmp_path / name, SOURCE, EXTRACTOR, overwrite=False)
        rows = [row(frame, shift=0.2 * (-1) ** frame) for frame in range(8)]
        write_whole(writer, [one | {"mesh": None} if bare else one for one in rows], 8)
        sets.append(Faceset.open(tmp_path / name))
    for ours, theirs in zip(sets[1].faces(), sets[0].faces(), strict=True):
        np.testing.assert_array_equal(ours.landmarks, theirs.landmarks)
    table = pq.read_table(tmp_path / "without" / "faces.parquet")
    assert table["mesh"].null_count == 8


def test_full_disk_keeps_the_finished_segments(tmp_path, monkeypatch):
    path = tmp_path / "clip"
    writer = FacesetWriter(path, SOURCE, EXTRACTOR, overwrite=False)
    writer.write_segment(0, 1, [row(0)], SegmentRecord(1, 1))

    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("faceswap.facesets.segments.pq.write_table", full)
    with pytest.raises(StorageFullError, match="full"):
        writer.write_segment(1, None, [row(1)], SegmentRecord(2, 1))
    monkeypatch.undo()
    again = FacesetWriter(path, SOURCE, EXTRACTOR, overwrite=False)
    assert again.has_segment(0, 1)
    assert not again.has_segment(1, None)
    names = [file.name for file in (path / "segments").iterdir()]
    assert names == ["segment-000000000-000000001.parquet"]


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


def test_masks_that_were_added_after_a_kill_at_the_end_are_kept(tmp_path, monkeypatch):
    with monkeypatch.context() as killed:
        killed.setattr(FacesetWriter, "_remove_merged_segments", lambda writer: None)
        faceset = write_faceset(tmp_path / "clip", frames=range(3))
    added = faceset.path / "masks" / "eyes" / "000000-0.png"
    stray = faceset.path / "images" / "000009-0.png"
    for file in (added, stray):
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"")
    rows = pq.read_table(faceset.path / "faces.parquet")
    names = pa.array([added.name, None, None], pa.string())
    pq.write_table(rows.append_column("mask_eyes", names), faceset.path / "faces.parquet")
    extractor = faceset.record["extractor"]
    assert FacesetWriter(faceset.path, SOURCE, extractor, overwrite=False).complete
    assert (added.exists(), stray.exists()) == (True, False)
    assert not (faceset.path / "segments").exists()


def test_what_a_killed_process_left_of_no_faceset_is_not_refused(tmp_path):
    left = tmp_path / "clip" / "segments" / ".lock"
    left.parent.mkdir(parents=True)
    left.touch()
    assert write_faceset(tmp_path / "clip").path == tmp_path / "clip"
    users = tmp_path / "b" / "segments" / "notes.txt"
    users.parent.mkdir(parents=True)
    users.touch()
    with pytest.raises(OutputExistsError, match=r"other files: segments\."):
        write_faceset(tmp_path / "b")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/fd")
def test_crops_and_masks_are_on_the_disk_before_the_segment_that_names_them(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(
        os, "fsync", lambda file: synced.append(Path(f"/proc/self/fd/{file}").readlink())
    )
    write_faceset(tmp_path / "faces", frames=range(3))
    segment = next(i for i, path in enumerate(synced) if path.suffix == ".parquet")
    folders = [f"{path.parent.name}/{path.name}" for path in synced[:segment]]
    for folder in ("images", "masks"):
        assert {f"{folder}/{frame:06d}-0.png" for frame in range(3)} <= set(folders)
        assert f"faces/{folder}" in folders
