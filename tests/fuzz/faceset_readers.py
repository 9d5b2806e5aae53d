"""Readers of facesets, of their subject records and of unfinished extractions."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from faceswap.core.files import write_json
from faceswap.curation.json_table import export_json, import_json
from faceswap.curation.packing import Packing
from faceswap.curation.unpacking import unpack_faceset
from faceswap.curation.view import VIEW, find_changes, read_view, write_view
from faceswap.data.stream import FaceStream, cut_face
from faceswap.data.training_crop import CropGeometry
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import REPLACES, SEGMENTS
from faceswap.facesets.pack import Pack
from faceswap.facesets.pack_format import INDEX
from faceswap.facesets.pack_members import find_faces
from faceswap.facesets.segments import SegmentRecord
from faceswap.facesets.subjects import find_records
from faceswap.facesets.writer import FacesetWriter
from faceswap.provenance.subject import Subject, describe_records
from faceswap.tracking.stitching import SegmentTracks, Sighting, stitch
from tests.facesets.written import EXTRACTOR, SOURCE, row, write_faceset
from tests.fuzz.mutation import (
    mutated_bytes,
    mutated_json,
    mutated_table,
)
from tests.fuzz.reader import Reader


def _faceset_record(folder: Path) -> Reader:
    faceset = write_faceset(folder / "clip").path
    Subject("Alice", "consent", "7").to_json()

    def read() -> None:
        opened = Faceset.open(faceset)
        assert opened.crop_size * opened.crop_coverage > 0
        for records in find_records(faceset).values():
            describe_records(records)

    return Reader(faceset / "faceset.json", mutated_json, read)


def _faces(folder: Path) -> Reader:
    faceset = write_faceset(folder / "clip").path

    def read() -> None:
        opened = Faceset.open(faceset)
        assert len(opened.trainable()) <= len(opened.faces())
        opened.by_frame()
        assert opened.meshes().shape == (len(opened.faces()), 478, 3)

    return Reader(faceset / "faces.parquet", mutated_table, read)


def _subject(folder: Path) -> Reader:
    file = folder / "subject.json"
    evidence = {"file": "release.pdf", "sha256": "a" * 64}
    write_json(file, Subject("Alice", "consent", "7").to_json() | {"evidence": evidence})

    def read() -> None:
        try:
            value: Any = json.loads(file.read_bytes())
        except (ValueError, RecursionError):
            return  # records are part of other documents
        Subject.from_json(value).describe()

    return Reader(file, mutated_json, read)


def _unfinished(folder: Path, file: Path) -> None:
    writer = FacesetWriter(folder, SOURCE, EXTRACTOR, overwrite=False)
    stitch(record.tracks for _, record in writer.segments())
    if file.exists():
        list(writer._stored_rows())


def _segment(folder: Path) -> Reader:
    box = np.array([1, 2, 3, 4], np.float32)
    tracks = SegmentTracks(frozenset({0}), (Sighting(0, 0, box),), (Sighting(0, 0, box),))
    writer = FacesetWriter(folder / "f", SOURCE, EXTRACTOR, overwrite=False)
    record = SegmentRecord(1, 1, 0, {"yaw": 2}, tracks, {"b.jpg": "Why."})
    writer.write_segment(0, None, [row(0)], record)
    (file,) = (folder / "f" / "segments").iterdir()
    return Reader(file, mutated_table, lambda: _unfinished(folder / "f", file))


def _segment_record(folder: Path) -> Reader:
    segment = _segment(folder)
    table = pq.read_table(segment.file)
    file = folder / "record.json"
    file.write_bytes(table.schema.metadata[b"segment"])

    def read() -> None:
        metadata = {b"segment": file.read_bytes()}
        pq.write_table(table.replace_schema_metadata(metadata), segment.file)
        segment.read()

    return Reader(file, mutated_json, read)


def _replacement(folder: Path) -> Reader:
    path = write_faceset(folder / "clip").path
    file = path / SEGMENTS / REPLACES
    FacesetWriter(path, SOURCE, EXTRACTOR, overwrite=True, run="r")

    def read() -> None:
        FacesetWriter(path, SOURCE, EXTRACTOR, overwrite=True, run="r")
        file.parent.mkdir(exist_ok=True)  # gone if the note says that the faceset is replaced

    return Reader(file, mutated_json, read)


def _view(folder: Path) -> Reader:
    faceset = write_faceset(folder / "clip")
    view = folder / "view"
    write_view(faceset, faceset.faces(), view, groups=["a", "b", None] * 2)
    file = view / VIEW

    def read() -> None:
        changes = find_changes(view, read_view(view), faceset)
        assert {*changes.removed, *changes.moved} <= {face.image for face in faceset.faces()}

    return Reader(file, mutated_json, read)


def _json_table(folder: Path) -> Reader:
    faceset = write_faceset(folder / "clip", frames=range(2))
    file = folder / "faces.jsonl"
    export_json(faceset, file)

    def read() -> None:
        target = folder / "new"
        import_json(file, target)
        Faceset.open(target).faces()
        shutil.rmtree(target)

    return Reader(file, mutated_bytes, read)


def _pack(folder: Path) -> Reader:
    faceset = write_faceset(folder / "clip", frames=range(2))
    packing = Packing(faceset, folder / "pack", 9)
    packing.run()
    file = folder / "pack" / packing.names[0]

    def read() -> None:
        target = folder / "new"
        unpack_faceset([file], target)
        shutil.rmtree(target)

    return Reader(file, mutated_bytes, read)


def _pack_index(folder: Path) -> Reader:
    faceset = write_faceset(folder / "clip", frames=range(2))
    packing = Packing(faceset, folder / "pack", 1)
    packing.run()
    return Reader(folder / "pack" / INDEX, mutated_json, packing.check)


def _pack_opened(folder: Path) -> Reader:
    faceset = write_faceset(folder / "clip", frames=range(2))
    Packing(faceset, folder / "pack", 1).run()
    return Reader(folder / "pack" / INDEX, mutated_json, lambda: Pack.open(folder / "pack"))


def _pack_faces(folder: Path) -> Reader:
    faceset = write_faceset(folder / "clip", frames=range(2))
    packing = Packing(faceset, folder / "pack", 9)
    packing.run()
    file = folder / "pack" / packing.names[0]
    (shard,) = FaceStream.of_packs(
        [Pack.open(folder / "pack")], CropGeometry(16, 1.25, 24), folder / "cache", 9
    ).shards

    def read() -> None:
        for places in find_faces(file, "mask", str(file)):
            with file.open("rb") as tar:
                cut_face(tar, places, shard, CropGeometry(16, 1.25, 24))

    return Reader(file, mutated_bytes, read)


FACESETS: dict[str, Callable[[Path], Reader]] = {
    "faceset": _faceset_record,
    "faces": _faces,
    "subject": _subject,
    "extracted-segment": _segment,
    "record-of-segment": _segment_record,
    "replacement": _replacement,
    "view": _view,
    "json-table": _json_table,
    "pack": _pack,
    "pack-index": _pack_index,
    "opened-pack": _pack_opened,
    "faces-of-pack": _pack_faces,
}
"""Functions that write a valid faceset below a folder, by the name of its reader."""
