"""Finds what is wrong with a faceset."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import FaceswapError
from faceswap.core.files import sha256_file
from faceswap.core.text import shell_word
from faceswap.curation.recognition import recognise
from faceswap.curation.removal import removed_crops
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import (
    DAMAGED,
    EXTRACT_AGAIN,
    IMAGES,
    OLD_SEGMENTS,
    REMOVED,
    SEGMENTS,
    stored_file,
)
from faceswap.facesets.record import first_masker, read_record
from faceswap.maskers import needs_landmarks_only
from faceswap.media.images import READABLE, read_image

Kind = Literal[
    "faceset",
    "damaged",
    "size",
    "renamed",
    "converted",
    "stray",
    "mask",
    "twice",
    "both",
    "counts",
    "segments",
]


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a faceset.

    Attributes:
        kind: Kind: the faceset as a whole, a damaged crop, a crop of another size, a renamed or
            converted crop, a file that belongs to no face, a missing or damaged mask, two rows
            of one crop, different crops of one face in both folders, wrong numbers in the record,
            or segments that were left.
        file: File, relative to the faceset.
        text: Description in a sentence without its full stop.
        remedy: Instruction, or description of what ``faceswap faces repair`` does.
        repairable: Whether ``faceswap faces repair`` corrects it.
        face: Face that it is about, or None.
    """

    kind: Kind
    file: str
    text: str
    remedy: str
    repairable: bool = False
    face: Face | None = None


@dataclass(frozen=True)
class Report:
    """State of a faceset.

    Attributes:
        path: Directory of the faceset.
        faces: Number of rows.
        images: Number of faces whose crop is in ``images/``.
        removed: Number of faces whose crop is in ``removed/``.
        deleted: Number of faces whose crop is in neither; their rows are kept.
        findings: Defects found.
    """

    path: Path
    faces: int
    images: int
    removed: int
    deleted: int
    findings: tuple[Finding, ...]


def check_faceset(path: Path, on_faces: Callable[[int], object] = lambda _count: None) -> Report:
    """Checks every part of a faceset; nothing is changed.

    Args:
        path: Directory of a faceset.
        on_faces: Callback with the number of crops decoded since its last call.
    """
    try:
        read_record(path)
        faceset = Faceset.open(path)
        (path / IMAGES).stat()
        faces = faceset.faces()
        present = _names(path / IMAGES)
    except (FaceswapError, OSError) as error:
        text, hint = (
            (error.message, error.hint)
            if isinstance(error, FaceswapError)
            else (
                f"{path / IMAGES} cannot be opened: {error.strerror}",
                f"Restore {path / IMAGES}, or extract the source again with --overwrite.",
            )
        )
        return Report(path, 0, 0, 0, 0, (Finding("faceset", "", text.rstrip("."), hint),))
    removed = _names(path / REMOVED) - present
    missing = [face for face in faces if face.image not in present | removed]
    findings = [
        *_rows(faceset),
        *_crops(faceset, IMAGES, [face for face in faces if face.image in present], on_faces),
        *_crops(faceset, REMOVED, [face for face in faces if face.image in removed], on_faces),
        *_in_both(faceset, present),
        *_masks(faceset, present),
        *_unknown_files(faceset, missing),
        *_left_segments(path),
    ]
    here = sum(face.image in present for face in faces)
    return Report(
        path, len(faces), here, len(faces) - here - len(missing), len(missing), tuple(findings)
    )


def find_unknown(folder: Path, known: set[str]) -> list[str]:
    """Names in a folder that belong to no face, without damaged crops and files of browsers."""
    unknown = {name for name in _names(folder) - known if not name.endswith(DAMAGED)}
    return sorted(name for name in unknown if name[0] not in ".@" and name != "Thumbs.db")


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def _rows(faceset: Faceset) -> Iterator[Finding]:
    faces, source = faceset.faces(), faceset.record["source"]
    counts = (len(faces), len({face.frame for face in faces}))
    stated = (source.get("faces"), source.get("frames_with_face"))
    if None not in stated and stated != counts:
        yield Finding(
            "counts",
            "faceset.json",
            f"it states {stated[0]} faces in {stated[1]} frames, the table has {counts[0]} in "
            f"{counts[1]}",
            "the numbers of the table are written",
            repairable=True,
        )
    twice = Counter(face.image for face in faces)
    for image, count in twice.items():
        if count > 1:
            yield Finding("twice", image, f"{count} rows name this crop", EXTRACT_AGAIN)


def _crops(
    faceset: Faceset, folder: str, faces: Sequence[Face], on_faces: Callable[[int], object]
) -> Iterator[Finding]:
    side = faceset.crop_size
    for face in faces:
        file = f"{folder}/{face.image}"
        try:
            height, width = read_image(stored_file(faceset.path, folder, face.image)).shape[:2]
        except FaceswapError as error:
            moved = f"it is moved to {REMOVED}/{face.image}{DAMAGED}"
            remedy = f"{moved}; restore it from a backup, or extract again"
            yield Finding(
                "damaged", file, error.message.rstrip("."), remedy, repairable=True, face=face
            )
        else:
            if (height, width) != (side, side):
                square = height == width
                text = f"expected {side}x{side} pixels, found {width}x{height}"
                remedy = (
                    f"it is scaled to {side}x{side} pixels" if square else "Save it at that size."
                )
                yield Finding("size", file, text, remedy, square, face)
        on_faces(1)


def _in_both(faceset: Faceset, present: set[str]) -> Iterator[Finding]:
    for name in removed_crops(faceset):
        if name in present:
            here, there = (stored_file(faceset.path, place, name) for place in (IMAGES, REMOVED))
            if sha256_file(here) != sha256_file(there):
                text = f"another picture of this name is in {REMOVED}/"
                remedy = "Look at both, and delete one."
                yield Finding("both", f"{IMAGES}/{name}", text, remedy)


def _masks(faceset: Faceset, present: set[str]) -> Iterator[Finding]:
    side = faceset.crop_size
    command = f"`faceswap faces masks {shell_word(faceset.path)} --masker"
    makes = f"{command} {faceset.masker}` makes it."
    for face in faceset.faces() if faceset.maskers and faceset.masker else ():
        if face.image in present and faceset.mask_file(face)[1] is None:
            text = f"it has no mask of the masker {faceset.masker!r}, which is the default"
            yield Finding("mask", face.image, text, makes, face=face)
    for masker in dict.fromkeys((first_masker(faceset.record), *faceset.maskers)):
        repairable = needs_landmarks_only(masker or "hull")
        again = f"{command} {masker} --overwrite` makes it."
        for face in faceset.faces():
            folder, name = faceset.mask_file(face, masker)
            if name is None:
                continue
            try:
                mask = faceset.load_mask(face, masker)
                text = "" if mask.shape == (side, side) else "it has another size"
            except FaceswapError as error:
                text = error.message.rstrip(".")
            if text:
                remedy = "it is computed again" if repairable else again
                yield Finding("mask", f"{folder}/{name}", text, remedy, repairable, face)


def _unknown_files(faceset: Faceset, missing: Sequence[Face]) -> Iterator[Finding]:
    known = {face.image for face in faceset.faces()}
    for name in find_unknown(faceset.path / REMOVED, known):
        yield _stray(f"{REMOVED}/{name}")
    unknown = find_unknown(faceset.path / IMAGES, known)
    stems = {Path(face.image).stem: face for face in missing}
    others: list[tuple[str, NDArray[np.uint8]]] = []
    converted: set[str] = set()
    for name in unknown:
        file, path = f"{IMAGES}/{name}", stored_file(faceset.path, IMAGES, name)
        face = stems.get(path.stem) if path.suffix.lower() in READABLE else None
        try:
            picture = read_image(path)
        except FaceswapError:
            yield _stray(file)
            continue
        if face is not None and face.image not in converted:
            converted.add(face.image)
            text = f"{face.image} was saved in another format"
            yield Finding(
                "converted", file, text, "the table names the new file", repairable=True, face=face
            )
        elif picture.shape[:2] == (faceset.crop_size,) * 2:
            others.append((file, picture))
        else:
            yield _stray(file)
    lost = [face for face in missing if face.image not in converted]
    faces = recognise(faceset, [picture for _, picture in others], lost)
    for (file, _), face in zip(others, faces, strict=True):
        if face is None:
            yield _stray(file)
        else:
            text = f"by its pixels it is {face.image}"
            yield Finding(
                "renamed", file, text, "it gets its name back", repairable=True, face=face
            )


def _stray(file: str) -> Finding:
    text = "it belongs to no face and is not used"
    return Finding("stray", file, text, "Give it the name of a crop to replace it, or delete it.")


def _left_segments(path: Path) -> Iterator[Finding]:
    for name in (SEGMENTS, *OLD_SEGMENTS):
        if list((path / name).glob("*.parquet")):
            text = "segments of a finished extraction were left"
            yield Finding("segments", f"{name}/", text, "they are removed", repairable=True)
