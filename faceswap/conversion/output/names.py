"""Names of the files that a conversion writes."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from faceswap.conversion.output.views import Shown
from faceswap.core.errors import MediaError
from faceswap.core.files import name_key
from faceswap.core.locks import hold_file, hold_folder
from faceswap.core.outputs import is_taken
from faceswap.media.converted import report_path
from faceswap.media.encoders import VideoEncoding
from faceswap.media.frame_pattern import FramePattern, is_pattern
from faceswap.media.images import WRITABLE
from faceswap.media.output_format import ALPHA_HINT
from faceswap.media.pieces import holds_alpha
from faceswap.media.sources import Source
from faceswap.provenance.sidecar import sidecar_path, written_sidecar

_PURPOSE = "the conversion"
PHOTO_SUFFIX = ".png"
"""Format of photos whose own cannot be written; it is lossless."""


@dataclass(frozen=True)
class Outputs:
    """Files that the conversion of one source writes.

    Attributes:
        path: Video file, single photo, or folder of photos.
        files: Output of each file of the source, in the same order; for numbered images of a video
            the pattern of their names.
        pattern: Names of the numbered images of a video; None for other outputs.
    """

    path: Path
    files: tuple[Path, ...]
    pattern: FramePattern | None = None

    @property
    def is_folder(self) -> bool:
        """Whether images are written into a folder."""
        return self.files != (self.path,)

    @property
    def report(self) -> Path:
        """JSON report, beside the file or folder."""
        return report_path(self.path)

    @property
    def work(self) -> Path:
        """Hidden folder beside a video, for what an unfinished conversion of it has made."""
        return self.path.with_name(f".work-{name_key(self.path.name)}")

    def names(self) -> list[Path]:
        """Every path that is written or replaced: files, sidecars, report."""
        written = [sidecar for file in self.files if (sidecar := written_sidecar(file))]
        # Sidecars of other programs belong to the file that would be replaced.
        there = [
            sidecar
            for file in self.files
            if written_sidecar(file) is None and is_taken(sidecar := sidecar_path(file))
        ]
        images = () if self.pattern is None else self.pattern.existing()
        return [*self.files, *written, *there, *images, self.report]

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Holds the outputs, so that no other process writes them.

        Raises:
            OutputBusyError: Another process writes them.
        """
        with ExitStack() as stack:
            if self.is_folder:
                stack.enter_context(hold_file(self.report, _PURPOSE))
                stack.enter_context(hold_folder(self.path, _PURPOSE))
            else:
                beside = (sidecar_path(self.path), self.report)
                stack.enter_context(hold_file(self.path, _PURPOSE, beside))
            yield


def name_outputs(source: Source, output: Path) -> Outputs:
    """Names the files that a source is converted into.

    Photos of a folder keep their names, and two of them never get one name: of ``x.avif``, which
    cannot be written, and ``x.png``, the first becomes ``x-avif.png``.

    Args:
        source: Video or photos.
        output: File for a video or a single photo, folder for the photos of a folder.

    Raises:
        MediaError: A photo cannot be written in the format of ``output``.
    """
    if source.kind == "video":
        return _numbered(output) if is_pattern(output) else Outputs(output, (output,))
    writable = output.suffix.lower() in WRITABLE
    if source.path.is_file() and not writable:
        raise MediaError(
            f"Images cannot be written as {output.suffix or output.name!r}.",
            f"Use one of {', '.join(sorted(WRITABLE))}.",
        )
    if source.path.is_file() or (len(source.files) == 1 and writable):
        return Outputs(output, (output,))
    return Outputs(output, tuple(output / name for name in _photo_names(source.files)))


def check_view(view: Shown, source: Source, outputs: Outputs, encoding: VideoEncoding) -> None:
    """Checks that a view can be made of a source and written as its outputs.

    Raises:
        MediaError: It is a view of photos, one with transparency that is written as video without,
            or one of images that is written as video.
    """
    if view == "swap":
        return
    if source.kind == "images":
        raise MediaError(f"The view {view!r} is made of videos, found photos.", "Omit --view.")
    if outputs.pattern is not None or view not in ("alpha", "patch"):
        return
    images = "an --output such as frames/%06d.png"
    if view == "patch":
        raise MediaError(
            "The view 'patch' is a picture of each face, with transparency.", f"Choose {images}."
        )
    if not holds_alpha(outputs.path, encoding):
        raise MediaError(
            f"The view 'alpha' has transparency, which {outputs.path.name} would not hold.",
            f"Choose {images}; {ALPHA_HINT}, too.",
        )


def _numbered(output: Path) -> Outputs:
    pattern = FramePattern(output)
    if pattern.folder.name in ("", ".."):  # it has no place for a report beside it
        raise MediaError(
            "Numbered images are written into a folder of their own.",
            f"Choose an --output such as frames/{pattern.path.name}.",
        )
    return Outputs(pattern.folder, (pattern.path,), pattern)


def _photo_names(files: Sequence[Path]) -> list[str]:
    kept = {file.name for file in files if file.suffix.lower() in WRITABLE}
    taken = {name.casefold() for name in kept}
    names = []
    for file in files:
        name = file.name
        if name not in kept:
            stem = f"{file.stem}-{file.suffix[1:]}"
            free = chain([file.stem, stem], (f"{stem}-{number}" for number in count(2)))
            name = next(
                f"{s}{PHOTO_SUFFIX}" for s in free if f"{s}{PHOTO_SUFFIX}".casefold() not in taken
            )
            taken.add(name.casefold())
        names.append(name)
    return names
