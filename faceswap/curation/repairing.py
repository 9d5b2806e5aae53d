"""Repairs what was found to be wrong with a faceset, as far as nothing is lost by it."""

from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from faceswap.core.errors import FacesetError
from faceswap.core.locks import hold_folder
from faceswap.curation.checking import Finding, Report
from faceswap.curation.removal import removed_crops
from faceswap.facesets.edit import rewrite_rows
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import (
    DAMAGED,
    IMAGES,
    MASKS,
    RECORD,
    REMOVED,
    remove_segments,
    stored_file,
)
from faceswap.facesets.record import FORMAT, first_masker, with_faces
from faceswap.facesets.rows import SCHEMA
from faceswap.geometry.alignment import transform_points
from faceswap.maskers import build_masker
from faceswap.media.images import read_image, write_image


def repair_faceset(report: Report) -> list[Finding]:
    """Repairs the findings of a report that can be repaired.

    Each step leaves a state that a check finds; repeating check and repair after an interruption
    completes it.

    Args:
        report: Result of ``check_faceset``.

    Returns:
        Findings that were repaired.

    Raises:
        FacesetError: A file leads out of the faceset.
        OutputBusyError: Another process writes the faceset.
        StorageFullError: The disk is full.
    """
    repaired = [finding for finding in report.findings if finding.repairable]
    if not repaired:
        return []
    faceset = Faceset.open(report.path)
    with hold_folder(faceset.path, "the repair"):
        for finding in repaired:
            if finding.kind in _STEPS:
                _STEPS[finding.kind](faceset, finding)
        converted = {
            finding.face.image: Path(finding.file).name
            for finding in repaired
            if finding.kind == "converted" and finding.face is not None
        }
        if converted:
            rewrite_rows(faceset.path, lambda rows: _renamed(rows, converted), same_faces=False)
        if any(finding.kind == "counts" for finding in repaired):
            _write_counts(faceset.path)
    return repaired


def drop_rows(path: Path) -> int:
    """Drops the rows of faces whose crops are neither in ``images/`` nor in ``removed/``.

    Those of damaged crops are kept: a crop from a backup can be put in its place.

    Args:
        path: Directory of the faceset.

    Returns:
        Number of rows dropped. Their landmarks are lost, and conversion no longer finds them.

    Raises:
        FacesetError: The faceset is damaged, or has no folder ``images/``, or no row would be left.
        OutputBusyError: Another process writes the faceset.
        StorageFullError: The disk is full; the faceset is as it was.
    """
    with hold_folder(path, "the repair"):
        faceset = Faceset.open(path)
        kept = {face.image for face in faceset.with_crops()} | {*removed_crops(faceset)}
        damaged = [file.name for file in (path / REMOVED).glob(f"*{DAMAGED}")]
        faces = faceset.faces()
        kept |= {f.image for f in faces if any(name.startswith(f.image) for name in damaged)}
        dropped = [face for face in faces if face.image not in kept]
        if dropped and not kept:  # rather a folder that was emptied or moved by mistake
            raise FacesetError(
                f"Expected at least one face of {path} with a crop, found none.",
                "Put the crops back, or delete the faceset.",
            )
        if dropped:
            names = pa.array(sorted(kept), pa.string())
            frames = [face.frame for face in faces if face.image in kept]
            record = with_faces(faceset.record, frames, chosen=True)
            updates = {key: record[key] for key in ("source", "chosen")}
            rewrite_rows(path, lambda rows: _among(rows, names), same_faces=False, updates=updates)
            for face in dropped:
                if face.mask:
                    stored_file(path, MASKS, face.mask).unlink(missing_ok=True)
                for masker, mask in face.masks.items():
                    stored_file(path, f"{MASKS}/{masker}", mask).unlink(missing_ok=True)
    return len(dropped)


def _write_counts(path: Path) -> None:
    """Writes the numbers of faces and of frames with a face into the record, by the table."""
    faceset = Faceset.open(path)
    frames = [face.frame for face in faceset.faces()]
    FORMAT.write(path / RECORD, with_faces(faceset.record, frames, chosen=False))


def _rename_back(faceset: Faceset, finding: Finding) -> None:
    assert finding.face is not None
    target = stored_file(faceset.path, IMAGES, finding.face.image)
    if not target.exists():
        stored_file(faceset.path, IMAGES, Path(finding.file).name).replace(target)


def _set_aside(faceset: Faceset, finding: Finding) -> None:
    """Moves a damaged crop to a name of no face: masks are not made of it, it is not restored."""
    folder, name = Path(finding.file).parts
    names = (f"{name}{number or ''}{DAMAGED}" for number in count())
    target = next(
        path for new in names if not (path := stored_file(faceset.path, REMOVED, new)).exists()
    )
    target.parent.mkdir(exist_ok=True)
    stored_file(faceset.path, folder, name).replace(target)


def _scale(faceset: Faceset, finding: Finding) -> None:
    folder, name = Path(finding.file).parts
    path, side = stored_file(faceset.path, folder, name), faceset.crop_size
    picture = read_image(path)
    way = cv2.INTER_AREA if len(picture) > side else cv2.INTER_CUBIC
    write_image(path, np.asarray(cv2.resize(picture, (side, side), interpolation=way), np.uint8))


def _mask_again(faceset: Faceset, finding: Finding) -> None:
    face = finding.face
    assert face is not None
    file = Path(finding.file)
    folder = file.parent.as_posix()
    masker = (first_masker(faceset.record) or "hull") if folder == MASKS else file.parent.name
    points = transform_points(face.matrix, face.landmarks)
    blank = np.zeros((faceset.crop_size, faceset.crop_size, 3), np.uint8)
    (mask,) = build_masker(masker)([blank], [points], [None])
    (faceset.path / folder).mkdir(parents=True, exist_ok=True)
    write_image(stored_file(faceset.path, folder, file.name), mask)


def _remove_segments(faceset: Faceset, _finding: Finding) -> None:
    remove_segments(faceset.path)


_STEPS: Mapping[str, Callable[[Faceset, Finding], None]] = {
    "damaged": _set_aside,
    "renamed": _rename_back,
    "size": _scale,
    "mask": _mask_again,
    "segments": _remove_segments,
}


def _renamed(rows: pa.Table, names: Mapping[str, str]) -> pa.Table:
    images = [names.get(image, image) for image in rows["image"].to_pylist()]
    place = rows.schema.get_field_index("image")
    return rows.set_column(place, SCHEMA.field("image"), pa.array(images, pa.string()))


def _among(rows: pa.Table, names: pa.Array) -> pa.Table:
    return rows.filter(pc.call_function("is_in", [rows["image"]], pc.SetLookupOptions(names)))
