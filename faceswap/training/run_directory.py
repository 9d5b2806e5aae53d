"""The run directory of ``faceswap train``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from faceswap.core.config import StrictModel
from faceswap.core.run_folder import Data, RunFolder
from faceswap.facesets.faceset import Faceset
from faceswap.training.settings import TrainConfig


class RunDirectory(RunFolder[TrainConfig]):
    """A training of a face-swap model on disk."""

    schema: ClassVar[type[StrictModel]] = TrainConfig
    section: ClassVar[str] = "faceswap"
    # The weights, the held-out faces and the random stream depend on these.
    fixed: ClassVar[tuple[str, ...]] = ("seed", "model", "data.coverage", "data.held_out")
    results: ClassVar[tuple[str, ...]] = ("previews",)

    @property
    def previews(self) -> Path:
        """Folder of the preview images."""
        return self.path / "previews"

    def stored_facesets(self) -> dict[str, list[Path]]:
        """Directories of the facesets of each identity, at the last start."""
        data = self.read_manifest()["data"]
        return {name: [Path(source["path"]) for source in sets] for name, sets in data.items()}


def describe_facesets(facesets: Mapping[str, Sequence[Faceset]]) -> Data:
    """Training data of a run for its manifest: the facesets of each identity."""
    return {
        name: [
            {
                "path": str(faceset.path.resolve()),
                "name": faceset.name,
                "faces": len(faceset.trainable()),
                "sha256": faceset.content_hash(),
                "subject": faceset.subject,
            }
            for faceset in sets
        ]
        for name, sets in facesets.items()
    }
