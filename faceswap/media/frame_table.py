"""The frames of a video before they are converted: their number, key frames, and damage."""

from dataclasses import dataclass
from pathlib import Path

from faceswap.media.picture_table import PictureTable, UncertainPicturesError
from faceswap.media.video import VideoReader


@dataclass(frozen=True)
class FrameTable:
    """The frames that ``VideoReader`` yields.

    Attributes:
        frames: Number of frames, those that cannot be decoded included.
        keys: Ascending indices of the key frames; empty where the packets do not tell them.
        damage: Description of what cannot be read; "" where only decoding shows it.
        notes: Lines about how the file is read.
    """

    frames: int
    keys: tuple[int, ...] = ()
    damage: str = ""
    notes: tuple[str, ...] = ()

    @classmethod
    def of_file(cls, path: Path) -> "FrameTable":
        """Reads the packets of a video, or decodes it where they do not tell its frames.

        Raises:
            MediaError: The file does not exist, is not a video, or no frame can be decoded.
        """
        try:
            table = PictureTable.of_file(path)
        except UncertainPicturesError:
            return cls._by_decoding(path)
        notes = (table.choice,) if table.choice else ()
        return cls(len(table.pts), table.keys, notes=notes)

    @classmethod
    def _by_decoding(cls, path: Path) -> "FrameTable":
        reader, frames = VideoReader(path), 0
        for frame in reader:
            frames = frame.index + 1
        return cls(frames, damage=reader.damage or "", notes=tuple(reader.notes))
