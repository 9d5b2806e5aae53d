"""Paths of the files of a demo."""

from dataclasses import dataclass
from pathlib import Path

from faceswap.demonstration.talking_head.clip import DEMO_IDENTITIES, DemoIdentity


@dataclass(frozen=True)
class DemoFolder:
    """Paths in the output folder of a demo.

    Attributes:
        root: Output folder.
    """

    root: Path

    @property
    def stages(self) -> Path:
        """Record of the finished stages."""
        return self.root / "stages.json"

    @property
    def run(self) -> Path:
        """Training run."""
        return self.root / "runs" / "demo"

    @property
    def clips(self) -> dict[str, Path]:
        """Source clip of each identity."""
        return {p.name: self.root / "clips" / f"{p.name}.mp4" for p in DEMO_IDENTITIES}

    @property
    def faces(self) -> dict[str, Path]:
        """Faceset of each identity."""
        return {p.name: self.root / "faces" / p.name for p in DEMO_IDENTITIES}

    @property
    def converted(self) -> dict[str, Path]:
        """Converted clip of each source identity."""
        return {
            p.name: self.root / "converted" / f"{p.name}-as-{target_of(p).name}.mp4"
            for p in DEMO_IDENTITIES
        }

    @property
    def side_by_side(self) -> Path:
        """Video of all clips."""
        return self.root / "side_by_side.mp4"

    @property
    def grid(self) -> Path:
        """Picture of frames of all clips."""
        return self.root / "grid.jpg"


def target_of(person: DemoIdentity) -> DemoIdentity:
    """The identity that the clips of a demo identity are converted to."""
    first, second = DEMO_IDENTITIES
    return second if person.name == first.name else first
