"""The run directory of ``faceswap train``."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

from faceswap.core.config import StrictModel
from faceswap.core.errors import FacesetError, OutputBusyError
from faceswap.core.locks import hold_folder
from faceswap.core.run_folder import RunFolder
from faceswap.core.run_manifest import MANIFEST, Data
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.pack import Pack
from faceswap.facesets.pack_folder import PackPlace, is_pack, stored_place
from faceswap.facesets.subjects import is_faceset
from faceswap.training.inputs.opening import FaceSets
from faceswap.training.run.progress import Progress
from faceswap.training.settings import TrainConfig


class RunDirectory(RunFolder[TrainConfig]):
    """A training of a face-swap model on disk."""

    schema: ClassVar[type[StrictModel]] = TrainConfig
    section: ClassVar[str] = "faceswap"
    # The weights, the data and the random stream depend on these.
    fixed: ClassVar[tuple[str, ...]] = (
        "seed",
        "model",
        "data.coverage",
        "data.held_out",
        "data.mask",
    )
    # Held-out faces are decoded from the references nearest to them.
    measured: ClassVar[tuple[str, ...]] = ("data.references",)
    results: ClassVar[tuple[str, ...]] = ("previews",)

    @property
    def previews(self) -> Path:
        """Folder of the preview images."""
        return self.path / "previews"

    def record_progress(self, progress: Progress) -> None:
        """Records the phases entered so far and the end of the training in the manifest.

        Args:
            progress: Progress at the newest checkpoint.
        """
        manifest = self.read_manifest()
        known = {name: manifest.pop(name) for name in ("phases", "ended") if name in manifest}
        facts: dict[str, Any] = {}
        if progress.phases:
            facts["phases"] = [asdict(entry) for entry in progress.phases]
        if progress.ended:
            facts["ended"] = {"step": progress.step, "reason": progress.ended}
        if facts != known:
            MANIFEST.write(self.manifest, {**manifest, **facts})

    def stored_facesets(self) -> dict[str, list[PackPlace]]:
        """Places of the facesets or packs of each identity, at the last start."""
        data = self.read_manifest()["data"]
        return {
            name: [stored_place(source["path"]) for source in sets] for name, sets in data.items()
        }

    def find_facesets(
        self,
        given: Mapping[str, Sequence[PackPlace]],
        stored: Mapping[str, Sequence[PackPlace]] | None = None,
    ) -> dict[str, list[PackPlace]]:
        """Directories of the facesets of each identity: the given ones, else the stored ones.

        Args:
            given: Directories by identity, for instance of facesets that were moved.
            stored: Stored directories; None reads them.

        Raises:
            FacesetError: A stored faceset is no longer in its place.
        """
        stored = self.stored_facesets() if stored is None else stored
        for name, paths in stored.items():
            gone = [path for path in paths if name not in given and not _is_stored(path)]
            if gone:
                raise FacesetError(
                    f"The faceset of {name} is no longer in {gone[0]}.",
                    f"If it was moved, name its new place: --faces {name}=FOLDER.",
                )
        return {name: list(paths) for name, paths in {**stored, **given}.items()}

    def record_places(self, places: Mapping[str, Sequence[PackPlace]]) -> None:
        """Records where the facesets of some identities lie now.

        A run that cannot be written, or is being trained, stays as it is.

        Args:
            places: Directories of all facesets of an identity, in the order of the training.
        """
        if not _set_places(self.read_manifest()["data"], places):
            return
        with (
            suppress(OutputBusyError, PermissionError),
            hold_folder(self.path, "the record of moved facesets"),
        ):
            manifest = self.read_manifest()  # again: a training may have written it meanwhile
            if _set_places(manifest["data"], places):
                MANIFEST.write(self.manifest, manifest)

    def edited_faces(self, now: Data, edited: Mapping[Path, int]) -> list[str]:
        """Facesets whose crops or masks were edited since the last start, in words.

        Args:
            now: Training data of this start, from ``describe_facesets`` with contents.
            edited: Number of edited faces where it is known, by resolved directory.
        """
        if not self.exists():
            return []
        before = self.read_manifest()["data"]
        words = []
        for name, sources in now.items():
            for old, new in zip(before.get(name, []), sources, strict=False):
                # Earlier versions did not record the content.
                same = old.get("content", new["content"]) == new["content"]
                if old["sha256"] == new["sha256"] and not same:
                    count = edited.get(Path(new["path"]), 0)
                    number = f"{count} " if count else ""
                    words.append(f"{number}crops or masks of {name} were edited")
        return words


def _is_stored(place: PackPlace) -> bool:
    """Whether a faceset or a pack is at a place; a URL is taken for one."""
    return is_pack(place) or (isinstance(place, Path) and is_faceset(place))


def _set_places(data: Data, places: Mapping[str, Sequence[PackPlace]]) -> bool:
    """Puts places of facesets into the data of a manifest; returns whether they are others."""
    changed = False
    for name, paths in places.items():
        for source, path in zip(data[name], paths, strict=True):
            text = path if isinstance(path, str) else str(path.resolve())
            changed |= source["path"] != text
            source["path"] = text
    return changed


def describe_facesets(
    facesets: Mapping[str, FaceSets], contents: Mapping[Path, str] | None = None
) -> Data:
    """Training data of a run for its manifest: the facesets or packs of each identity.

    Args:
        facesets: Facesets or packs by identity.
        contents: SHA-256 of the crops and masks of facesets, by resolved directory.
    """
    return {
        name: [_described(each, contents or {}) for each in sets] for name, sets in facesets.items()
    }


def _described(faces: Faceset | Pack, contents: Mapping[Path, str]) -> dict[str, Any]:
    described = {"path": faces.where, "name": faces.name, "subject": faces.subject}
    if isinstance(faces, Pack):
        sha256 = faces.sha256
        return described | {"faces": faces.faces, "sha256": sha256, "content": sha256}
    described |= {"faces": len(faces.trainable()), "sha256": faces.content_hash()}
    content = contents.get(faces.path.resolve())
    return described | ({"content": content} if content else {})
