"""Views: folders with copies of crops, sorted and grouped for a file browser.

What is done to the copies is applied back to the faceset: a copy that was deleted removes its face,
one that was edited replaces the crop, one that was moved to another folder changes the group.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from faceswap.core.documents import DocumentModel, Items
from faceswap.core.errors import FacesetError, MediaError
from faceswap.core.files import atomic_directory, atomic_path, sha256_file
from faceswap.core.formats import Format
from faceswap.core.locks import hold_file, hold_folder
from faceswap.core.names import FileName, Sha256Hex
from faceswap.core.outputs import check_outputs
from faceswap.core.text import readable_name
from faceswap.curation.grouping import group_folders
from faceswap.curation.likeness import OnFaces
from faceswap.curation.marks import write_marks
from faceswap.curation.removal import remove_crops
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import IMAGES, stored_file
from faceswap.media.images import READABLE, read_image, write_image

VIEW = "view.json"
"""File of a view that tells which copy shows which face."""


class CopyDocument(DocumentModel):
    """A copy of a crop.

    Attributes:
        name: File name of the copy.
        group: Group of the face when it was copied, or changes were last applied; None without one.
        image: File name of the crop.
        sha256: Hash of the crop at that time.
    """

    name: FileName
    group: str | None
    image: FileName
    sha256: Sha256Hex


class ViewDocument(DocumentModel):
    """Content of ``view.json``.

    Attributes:
        faceset: Path of the faceset.
        source: Hash of its source.
        grouped: Whether the copies lie in a folder for each group.
        groups: Groups when the view was written, of which the names of the folders are made.
        copies: Copies in their order.
    """

    faceset: Annotated[str, Field(min_length=1)]
    source: Sha256Hex
    grouped: bool
    groups: Items[str]
    copies: Items[CopyDocument]


VIEW_FORMAT = Format("faceswap-view", 1, FacesetError, schema=ViewDocument)
"""Format of ``view.json``."""


@dataclass
class Changes:
    """Differences between a view and its faceset.

    Attributes:
        removed: File names of the crops whose copies were deleted.
        edited: Copies with other content, by the file name of the crop.
        moved: Groups of the copies that lie in another folder, by the file name of the crop.
        strays: Files of the view that are no copies.
        refused: Copies that cannot be used, each with the reason.
    """

    removed: list[str] = field(default_factory=list)
    edited: dict[str, Path] = field(default_factory=dict)
    moved: dict[str, str | None] = field(default_factory=dict)
    strays: list[Path] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def write_view(
    faceset: Faceset,
    faces: Sequence[Face],
    folder: Path,
    *,
    groups: Sequence[str | None] | None = None,
    on_faces: OnFaces = lambda _count: None,
) -> None:
    """Writes a view, complete or not at all.

    Args:
        faceset: Faceset of the faces.
        faces: Faces in the order of the view, whose crops are in ``images/``.
        folder: New folder.
        groups: Group of each face, a folder of the view each; None for one folder.
        on_faces: Callback with the number of faces copied since its last call.

    Raises:
        OutputExistsError: The folder exists.
        StorageFullError: The disk is full.
    """
    with hold_file(folder, "the view"):
        check_outputs([], [folder], hint="Choose another --to, or delete it.")
        with atomic_directory(folder) as new:
            copies = []
            folder_of = group_folders(groups or ())
            digits = max(5, len(str(len(faces))))
            for place, face in enumerate(faces):
                group = groups[place] if groups is not None else None
                name = f"{place + 1:0{digits}}_{face.image}"
                copy = (new / folder_of[group] if groups is not None else new) / name
                copy.parent.mkdir(exist_ok=True)
                shutil.copyfile(stored_file(faceset.path, IMAGES, face.image), copy)
                entry = {"name": name, "group": group, "image": face.image}
                copies.append(entry | {"sha256": sha256_file(copy)})
                on_faces(1)
            described = {"faceset": readable_name(faceset.path.resolve()), "copies": copies}
            described |= {"source": faceset.source_sha256, "grouped": groups is not None}
            described["groups"] = sorted({group for group in groups or () if group is not None})
            VIEW_FORMAT.write(new / VIEW, described)


def read_view(folder: Path) -> dict[str, Any]:
    """Reads and checks ``view.json``.

    Raises:
        FacesetError: The folder is no view, or the file is damaged.
    """
    if not (folder / VIEW).is_file():
        raise FacesetError(
            f"Expected a folder written by `faceswap faces sort --to` or `group --to`, found no "
            f"{VIEW} in {folder}.",
            "Give the folder that has it.",
        )
    return VIEW_FORMAT.read(folder / VIEW)


def find_changes(folder: Path, view: Mapping[str, Any], faceset: Faceset) -> Changes:
    """Compares a view with the faceset that it shows.

    A copy that was renamed is recognised by its content, one that was saved in another format by
    the rest of its name.

    Args:
        folder: Folder of the view.
        view: Content of its ``view.json``.
        faceset: Faceset that the view shows.

    Raises:
        FacesetError: It is the view of another faceset, or no copy is left.
    """
    if faceset.source_sha256 != view["source"]:
        raise FacesetError(
            f"Expected the faceset that {folder} shows, found one of another source: "
            f"{faceset.path}.",
            "Give its path with --faceset.",
        )
    paths = sorted(path for path in folder.rglob("*") if _is_content(path, folder))
    if not paths:
        raise FacesetError(
            f"Expected images in {folder}, found none.",
            "If no face is to be kept, use `faceswap faces filter`.",
        )
    twice, found = _find_twice(paths, view), _find_copies(paths, view)
    known = {*found.values(), *(path for several in twice.values() for path in several)}
    changes = Changes(strays=[path for path in paths if path not in known])
    kept = {face.image for face in faceset.with_crops()}
    folder_of = group_folders(view["groups"])
    group_of = {name: group for group, name in folder_of.items()} | {".": None}
    for copy in view["copies"]:
        image = copy["image"]
        if image not in kept:
            continue
        if copy["name"] in twice:
            places = " and in ".join(str(path.parent) for path in twice[copy["name"]])
            changes.refused.append(f"{copy['name']} lies in {places}")
            continue
        if image not in found:
            changes.removed.append(image)
            continue
        where = found[image].parent.relative_to(folder).as_posix()
        if view["grouped"] and (group := group_of.get(where, where)) != copy["group"]:
            changes.moved[image] = group
        _compare_content(found[image], copy, faceset, changes)
    return changes


def _is_content(path: Path, folder: Path) -> bool:
    inside = path.relative_to(folder)
    hidden = any(part[0] in ".@" for part in inside.parts)
    return path.is_file() and not hidden and path.name not in (VIEW, "Thumbs.db")


def _find_twice(paths: Sequence[Path], view: Mapping[str, Any]) -> dict[str, list[Path]]:
    """Files whose name is that of a copy and occurs in several folders, by that name."""
    names = {copy["name"] for copy in view["copies"]}
    places: dict[str, list[Path]] = {}
    for path in paths:
        places.setdefault(path.name, []).append(path)
    return {name: some for name, some in places.items() if name in names and len(some) > 1}


def _find_copies(paths: Sequence[Path], view: Mapping[str, Any]) -> dict[str, Path]:
    """Copies by the file name of the crop: of the same name, the same content, or the same stem."""
    twice = _find_twice(paths, view)
    files = {path.name: path for path in paths if path.name not in twice}
    found = {c["image"]: files[c["name"]] for c in view["copies"] if c["name"] in files}
    taken = {*found.values()}
    others = [path for path in paths if path not in taken and path.name not in twice]
    of_content = {sha256_file(path): path for path in others}
    of_stem = {path.stem: path for path in others if path.suffix.lower() in READABLE}
    for copy in view["copies"]:
        again = of_content.get(copy["sha256"]) or of_stem.get(Path(copy["name"]).stem)
        if copy["image"] not in found and again is not None:
            found[copy["image"]] = again
    return found


def _compare_content(
    path: Path, copy: Mapping[str, Any], faceset: Faceset, changes: Changes
) -> None:
    crop = stored_file(faceset.path, IMAGES, copy["image"])
    digest, now, side = sha256_file(path), sha256_file(crop), faceset.crop_size
    if digest == copy["sha256"]:
        return
    if digest == now:  # by an interrupted run, which did not note it
        changes.edited[copy["image"]] = path
        return
    try:
        height, width = read_image(path).shape[:2]
    except MediaError as error:
        changes.refused.append(f"{path}: {error.message.rstrip('.')}")
        return
    if (height, width) != (side, side):
        changes.refused.append(f"{path}: expected {side}x{side} pixels, found {width}x{height}")
    elif now != copy["sha256"]:
        changes.refused.append(f"{path}: both it and {crop} were edited")
    else:
        changes.edited[copy["image"]] = path


def apply_changes(
    folder: Path, view: Mapping[str, Any], faceset: Faceset, changes: Changes
) -> None:
    """Applies the changes of a view, and notes them in it, so that copies can be changed again.

    Repeating it after an interruption completes it.

    Args:
        folder: Folder of the view.
        view: Content of its ``view.json``.
        faceset: Faceset that the view shows.
        changes: Result of ``find_changes``.

    Raises:
        OutputBusyError: Another process writes the faceset.
        StorageFullError: The disk is full.
    """
    if changes.edited:
        with hold_folder(faceset.path, "the curation"):
            for image, path in changes.edited.items():
                _replace(stored_file(faceset.path, IMAGES, image), path)
    if changes.moved:
        known: dict[str, str | None] = {face.image: face.group for face in faceset.faces()}
        write_marks(faceset.path, "group", known | changes.moved)
    remove_crops(faceset.path, changes.removed)
    if changes.edited or changes.moved:
        copies = [_noted(copy, faceset, changes) for copy in view["copies"]]
        VIEW_FORMAT.write(folder / VIEW, {**view, "copies": copies})


def _noted(copy: Mapping[str, Any], faceset: Faceset, changes: Changes) -> dict[str, Any]:
    """A copy with the group and the hash of its crop as they are after the changes."""
    image = copy["image"]
    noted = {**copy, "group": changes.moved.get(image, copy["group"])}
    if image in changes.edited:
        noted["sha256"] = sha256_file(stored_file(faceset.path, IMAGES, image))
    return noted


def _replace(crop: Path, edited: Path) -> None:
    if edited.suffix.lower() != crop.suffix.lower():
        write_image(crop, read_image(edited))
        return
    with atomic_path(crop) as temporary:
        shutil.copyfile(edited, temporary)
