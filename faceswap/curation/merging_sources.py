"""Merges facesets of several sources: a folder with one faceset for each source.

Frames, time stamps, held-out faces, conversion and subject records belong to a source, so faces of
two never share a table. Every command takes such a folder for the facesets in it.
"""

from collections.abc import Sequence
from pathlib import Path

from faceswap.core.files import atomic_directory
from faceswap.core.locks import hold_file
from faceswap.core.names import plain_names
from faceswap.core.outputs import check_outputs
from faceswap.curation.likeness import OnFaces
from faceswap.curation.merging import check_mergeable, merge_facesets
from faceswap.facesets.faceset import Faceset


def by_source(facesets: Sequence[Faceset]) -> dict[str, list[Faceset]]:
    """Facesets of each source, by names that differ and that directories can have.

    Raises:
        FacesetError: Facesets of one source cannot become one; see ``check_mergeable``.
    """
    groups: dict[str, list[Faceset]] = {}
    for faceset in facesets:
        groups.setdefault(faceset.source_sha256, []).append(faceset)
    for group in groups.values():
        check_mergeable(group)
    named: dict[str, list[Faceset]] = {}
    for group in groups.values():
        (name,) = plain_names([group[0].name], taken=named).values()
        named[name] = group
    return named


def merge_sources(
    facesets: Sequence[Faceset], target: Path, on_faces: OnFaces = lambda _count: None
) -> dict[Path, int]:
    """Writes one faceset, or a folder of one for each source, complete or not at all.

    Args:
        facesets: Facesets of any sources; those of one source become one, see ``merge_facesets``.
        target: Directory of the new faceset, or of the folder.
        on_faces: Callback with the number of faces copied since its last call.

    Returns:
        Number of faces of each new faceset, by its directory.

    Raises:
        FacesetError: Facesets of one source cannot be merged.
        OutputExistsError: The target exists.
        StorageFullError: The disk is full; nothing is left.
    """
    groups = by_source(facesets)
    if len(groups) == 1:
        return {target: merge_facesets(facesets, target, on_faces)}
    with hold_file(target, "the merging"):
        check_outputs([], [target], hint="Choose another --output, or delete it.")
        with atomic_directory(target) as new:
            return {
                target / name: merge_facesets(group, new / name, on_faces)
                for name, group in groups.items()
            }
