"""The facesets of sources among those that are given for a conversion."""

from functools import cached_property
from pathlib import Path

from faceswap.core.errors import FacesetError, MediaError
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.found import find_facesets
from faceswap.facesets.record import read_record
from faceswap.facesets.subjects import is_faceset
from faceswap.media.hashed_source import HashedSource, hash_source
from faceswap.media.sources import Source


def check_folder(path: Path, sources: int) -> None:
    """Refuses what several sources cannot have their facesets in.

    Args:
        path: Folder of facesets.
        sources: Number of sources, more than one.

    Raises:
        FacesetError: There is no faceset in the folder.
        MediaError: It is a faceset.
    """
    if is_faceset(path):
        raise MediaError(
            f"--faceset needs exactly one source, found {sources}.",
            "Give a folder with a faceset of each, convert them one by one, or omit --faceset.",
        )
    find_facesets([path])


class ChosenFacesets:
    """The facesets that are given for a conversion; a folder of them is searched once.

    Args:
        path: Faceset, which is opened as it is, or folder of facesets of any sources.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def of(self, source: Source, hashed: HashedSource | None = None) -> Faceset:
        """Opens the faceset of a source.

        Args:
            source: Video or photos.
            hashed: The source with the hashes of its files; None to hash them if need be.

        Raises:
            FacesetError: The folder has no faceset of the source, or more than one, or the faceset
                is unfinished or damaged.
            MediaError: The source cannot be read.
        """
        path = self._path
        if is_faceset(path) or not path.is_dir():
            return Faceset.open(path)
        own = self._by_sha256.get((hashed or hash_source(source)).sha256, [])
        if len(own) == 1:
            return Faceset.open(own[0])
        if own:
            names = ", ".join(map(str, own))
            raise FacesetError(
                f"Expected one faceset of {source.path} in {path}, found several: {names}.",
                "Name one of them, or make one of them with `faceswap faces merge`.",
            )
        raise FacesetError(
            f"Expected a faceset of {source.path} in {path}, found those of other sources.",
            "Extract this source into the folder, or omit --faceset.",
        )

    @cached_property
    def _by_sha256(self) -> dict[str, list[Path]]:
        """Facesets of the folder by the SHA-256 of their source."""
        found: dict[str, list[Path]] = {}
        for path in find_facesets([self._path]):
            found.setdefault(read_record(path)["source"]["sha256"], []).append(path)
        return found
