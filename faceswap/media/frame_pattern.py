"""Names of the images of a sequence, as FFmpeg writes them: ``frames/%06d.png``."""

import re
from dataclasses import dataclass
from pathlib import Path

from faceswap.core.errors import MediaError
from faceswap.media.images import DEEP, WRITABLE

DESCRIPTION = ".json"
"""Suffix of a description beside an image."""
_NUMBER = re.compile(r"%(?:0(\d{1,2}))?d")


@dataclass(frozen=True)
class FramePattern:
    """A path that stands for numbered images; the first is number 1.

    Attributes:
        path: Path whose name has ``%d`` or ``%06d`` in the place of the number.

    Raises:
        MediaError: There is not one number in the name, or images of a sequence cannot be written
            in this format.
    """

    path: Path

    def __post_init__(self) -> None:
        if len(_NUMBER.findall(self.path.name)) != 1 or _NUMBER.search(str(self.path.parent)):
            raise MediaError(
                f"Expected one number such as %06d in the name of {self.path}.",
                "Choose an --output such as frames/%06d.png.",
            )
        if self.path.suffix.lower() not in DEEP:
            raise MediaError(
                f"Sequences cannot be written as {self.path.suffix!r}.",
                f"Use one of {', '.join(sorted(DEEP))}.",
            )

    @property
    def folder(self) -> Path:
        """Folder of the images."""
        return self.path.parent

    def file(self, index: int, part: str = "", suffix: str = "") -> Path:
        """Path of an image.

        Args:
            index: Index of the frame, from 0.
            part: Text that is appended to the name.
            suffix: Other suffix; empty for that of the pattern.
        """
        match = _NUMBER.search(self.path.stem)
        assert match is not None
        number = f"{index + 1:0{match[1] or 1}d}"
        stem = self.path.stem[: match.start()] + number + self.path.stem[match.end() :]
        return self.folder / f"{stem}{part}{suffix or self.path.suffix}"

    def existing(self) -> list[Path]:
        """Files in the folder that have a name of the sequence, or one beside an image of it."""
        match = _NUMBER.search(self.path.stem)
        assert match is not None
        begin = re.escape(self.path.stem[: match.start()])
        end = re.escape(self.path.stem[match.end() :])
        suffixes = f"{re.escape(self.path.suffix)}|{re.escape(DESCRIPTION)}"
        name = re.compile(rf"{begin}\d+{end}(-\d+)?({suffixes})")
        if not self.folder.is_dir():
            return []
        return sorted(file for file in self.folder.iterdir() if name.fullmatch(file.name))


def is_pattern(path: Path) -> bool:
    """Whether a path is that of an image, and has the number of a frame in its name."""
    return path.suffix.lower() in WRITABLE and _NUMBER.search(path.name) is not None
