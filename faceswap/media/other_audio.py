"""Audio of another file instead of that of a video, or none."""

from dataclasses import dataclass
from pathlib import Path

from faceswap.core.errors import MediaError
from faceswap.core.files import sha256_file
from faceswap.media.container import open_media

NONE = "none"


@dataclass(frozen=True)
class OtherAudio:
    """What is heard instead of the audio of a video.

    Attributes:
        path: File with the audio; empty for no audio.
        sha256: Hash of the file; empty for no audio.
    """

    path: str = ""
    sha256: str = ""

    @classmethod
    def of(cls, name: str) -> "OtherAudio":
        """The audio of a file, or none.

        Args:
            name: Path of the file, or ``none``.

        Raises:
            MediaError: The file cannot be read, or has no audio.
        """
        if name == NONE:
            return cls()
        path = Path(name).expanduser()
        with open_media(path) as container:
            if not container.streams.audio:
                raise MediaError(f"Expected audio in {path}, found none.", "Choose another file.")
        return cls(str(path), sha256_file(path))

    @property
    def file(self) -> Path | None:
        """The file; None for no audio."""
        return Path(self.path) if self.path else None

    @property
    def note(self) -> str:
        """Line for the report."""
        if not self.path:
            return "the audio was left out, as --audio none demands"
        return f"the audio is that of {Path(self.path).name}, from its beginning"
