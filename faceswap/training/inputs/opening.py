"""Opens the facesets and packs of a training."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, product
from pathlib import Path

from faceswap.core.errors import FacesetError, IdentityError
from faceswap.core.log import get_logger
from faceswap.core.names import check_name
from faceswap.core.text import counted
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import IMAGES
from faceswap.facesets.pack import Pack
from faceswap.facesets.pack_folder import PackPlace, is_pack
from faceswap.models.crowd import CROWD
from faceswap.provenance.subject import is_unstated

_log = get_logger(__name__)
_MOST_NAMED = 5
_OPENED_AT_ONCE = 8  # packs; at URLs each takes several requests

FaceSets = Sequence[Faceset] | Sequence[Pack]
"""Facesets of an identity, or packs of them."""


def open_facesets(
    faces: Mapping[str, Sequence[PackPlace]], minimum: int, masker: str = ""
) -> dict[str, FaceSets]:
    """Opens the facesets or packs of each identity.

    Args:
        faces: Directories of facesets, or places of packs, of each identity.
        minimum: Fewest faces an identity may have.
        masker: Masker whose masks are used; "" for the default masks of each faceset.

    Raises:
        IdentityError: There are fewer than two identities, or two have the same faces.
        FacesetError: A faceset or pack is missing, incomplete or damaged, has no such masks, an
            identity has both, or there are too few faces.
        RemoteError: A pack at a URL cannot be read.
    """
    if CROWD in faces and len(faces) < 2:
        raise IdentityError(
            "Expected an identity to swap to beside the crowd, found none.",
            "Add --faces: --faces alice=faces/alice",
        )
    if len(faces) < 2:
        raise IdentityError(
            f"Expected at least two identities, found {len(faces)}: {', '.join(faces) or 'none'}.",
            "Repeat --faces: --faces alice=faces/alice --faces bob=faces/bob; or add --crowd.",
        )
    for name in faces:  # part of the names of files
        check_name(name, "name of an identity")
    opened = {name: _open(name, places, masker) for name, places in faces.items()}
    for name, sets in opened.items():
        described = map(describe_unknown_images, facesets_of(sets))
        unknown = [line for line in described if line]
        found = count_faces(sets)
        if found < minimum:
            raise FacesetError(
                " ".join(
                    [f"Expected at least {minimum} faces of {name!r}, found {found}.", *unknown]
                ),
                "Extract more footage of this person, or lower --set data.minimum at the cost of "
                "quality.",
            )
        for line in unknown:
            _log.warning(line)
    for (first, mine), (second, others) in combinations(opened.items(), 2):
        _check_distinct(first, mine, second, others)
    return opened


def count_faces(sets: FaceSets) -> int:
    """Number of faces that can be trained on."""
    found = sum(len(faceset.trainable()) for faceset in facesets_of(sets))
    return found + sum(pack.faces for pack in packs_of(sets))


def packs_of(sets: FaceSets) -> list[Pack]:
    """Packs of an identity; empty if it has facesets."""
    return [each for each in sets if isinstance(each, Pack)]


def facesets_of(sets: FaceSets) -> list[Faceset]:
    """Facesets of an identity; empty if it has packs."""
    return [each for each in sets if isinstance(each, Faceset)]


def _open(name: str, places: Sequence[PackPlace], masker: str) -> FaceSets:
    packs = [place for place in places if is_pack(place)]
    paths = [place for place in places if isinstance(place, Path) and not is_pack(place)]
    if not packs:
        return [Faceset.open(path).with_masker(masker) for path in paths]
    if paths:
        raise FacesetError(
            f"Expected facesets or packs of {name!r}, found both: {paths[0]} and {packs[0]}.",
            "Pack the facesets with `faceswap faces pack`, or unpack the packs.",
        )
    with ThreadPoolExecutor(_OPENED_AT_ONCE) as pool:
        opened = list(pool.map(lambda place: Pack.open(place).with_masker(masker), packs))
    unstated = [pack for pack in opened if is_unstated(pack.subject)]
    if unstated:
        _log.warning(
            "Person and basis are unstated in %s, such as %s: set them in the facesets, and pack "
            "them again.",
            counted(len(unstated), "pack"),
            unstated[0].place,
        )
    return opened


def describe_unknown_images(faceset: Faceset) -> str:
    """Sentence on the files in ``images/`` that belong to no face; empty without any."""
    unknown = faceset.unknown_images()
    if not unknown:
        return ""
    named = ", ".join(unknown[:_MOST_NAMED]) + (", ..." if len(unknown) > _MOST_NAMED else "")
    return (
        f"{counted(len(unknown), 'file')} in {faceset.path / IMAGES} without a face, not used: "
        f"{named}. An edited image has to keep its name and its format."
    )


def _check_distinct(first: str, mine: FaceSets, second: str, others: FaceSets) -> None:
    """Refuses two identities with mostly the same faces.

    Facesets of one clip with two people, divided by deleting images, have different faces.
    """
    same = _of_same_content if packs_of(mine) or packs_of(others) else _of_same_faces
    for a, b in same(mine, others):
        raise IdentityError(
            f"Expected different faces for each identity, found the same ones for {first!r} "
            f"({a.where}) and {second!r} ({b.where}).",
            "Name the faceset of the other person. Of a clip with several people, keep the "
            "images of one person in each faceset.",
        )


def _of_same_content(
    mine: FaceSets, others: FaceSets
) -> Iterator[tuple[Faceset | Pack, Faceset | Pack]]:
    """Packs of the same faceset, and that faceset; the faces of packs are not read."""
    by_content = {_content(each): each for each in others}
    for each in mine:
        if (other := by_content.get(_content(each))) is not None:
            yield each, other


def _content(faces: Faceset | Pack) -> str:
    if isinstance(faces, Faceset):
        return faces.content_hash()
    return faces.content or faces.where  # earlier versions did not record it


def _of_same_faces(mine: FaceSets, others: FaceSets) -> Iterator[tuple[Faceset, Faceset]]:
    for a, b in product(facesets_of(mine), facesets_of(others)):
        faces, theirs = _places(a), _places(b)
        same = 2 * len(faces & theirs) > min(len(faces), len(theirs))
        if same or a.where == b.where:
            yield a, b


def _places(faceset: Faceset) -> set[tuple[str, int, int]]:
    """Where the faces of a faceset come from: source, frame and number of the face."""
    source = faceset.source_sha256
    return {(source, face.frame, face.face) for face in faceset.trainable()}
