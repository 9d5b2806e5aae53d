"""Names of the files that a conversion writes."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from faceswap.core.errors import MediaError
from faceswap.core.locks import hold_file, hold_folder
from faceswap.media.encoders import DEFAULT_ENCODER
from faceswap.media.images import WRITABLE
from faceswap.media.sources import Source
from faceswap.provenance.sidecar import sidecar_path, written_sidecar

_PURPOSE = "the conversion"
_PHOTO = ".png"  # lossless, for photos whose format cannot be written


@dataclass(frozen=True)
class Outputs:
    """Files that the conversion of one source writes.

    Attributes:
        path: Video file, single photo, or folder of photos.
        files: Output of each file of the source, in the same order.
    """

    path: Path
    files: tuple[Path, ...]

    @property
    def is_folder(self) -> bool:
        """Whether the photos of a folder are written into a folder."""
        return self.files != (self.path,)

    @property
    def report(self) -> Path:
        """JSON report, beside the file or folder."""
        return self.path.with_name(f"{self.path.name}.json")

    def names(self) -> list[Path]:
        """Every path that is written or replaced: files, sidecars, report."""
        written = [sidecar for file in self.files if (sidecar := written_sidecar(file))]
        # Sidecars of other programs belong to the file that would be replaced.
        there = [
            sidecar
            for file in self.files
            if written_sidecar(file) is None and _exists(sidecar := sidecar_path(file))
        ]
        return [*self.files, *written, *there, self.report]

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


def _exists(path: Path) -> bool:
    try:
        return path.is_symlink() or path.exists()
    except OSError:  # the name is too long for a file
        return False


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
        return Outputs(output, (output,))
    writable = output.suffix.lower() in WRITABLE
    if source.path.is_file() and not writable:
        raise MediaError(
            f"Images cannot be written as {output.suffix or output.name!r}.",
            f"Use one of {', '.join(sorted(WRITABLE))}.",
        )
    if source.path.is_file() or (len(source.files) == 1 and writable):
        return Outputs(output, (output,))
    return Outputs(output, tuple(output / name for name in _photo_names(source.files)))


def _photo_names(files: Sequence[Path]) -> list[str]:
    kept = {file.name for file in files if file.suffix.lower() in WRITABLE}
    taken = {name.casefold() for name in kept}
    names = []
    for file in files:
        name = file.name
        if name not in kept:
            stem = f"{file.stem}-{file.suffix[1:]}"
            free = chain([file.stem, stem], (f"{stem}-{number}" for number in count(2)))
            name = next(f"{s}{_PHOTO}" for s in free if f"{s}{_PHOTO}".casefold() not in taken)
            taken.add(name.casefold())
        names.append(name)
    return names


def plan_outputs(sources: Sequence[Source], output: Path) -> list[Outputs]:
    """Names the outputs of all sources of a command.

    Args:
        sources: All sources.
        output: File for one video or photo; else a folder. A single source whose output has no
            suffix, or is an existing folder, is written into that folder under its own name.

    Raises:
        MediaError: An output is a source itself, or its format cannot be written.
    """
    planned = [_plan(source, output, single=len(sources) == 1) for source in sources]
    originals = {path.resolve() for source in sources for path in (source.path, *source.files)}
    for outputs in planned:
        for path in {outputs.path, *outputs.files}:
            if path.resolve() in originals:
                raise MediaError(
                    f"The output {path} is the source itself.", "Choose another --output."
                )
    return planned


def _plan(source: Source, output: Path, *, single: bool) -> Outputs:
    is_file = source.path.is_file()
    if single and not output.is_dir() and (output.suffix or not is_file):
        return name_outputs(source, output)
    if not is_file:
        return name_outputs(source, output / source.name)
    suffix, (writable, instead) = source.path.suffix, _formats(source)
    kept = suffix if suffix.lower() in writable else instead
    return name_outputs(source, output / f"{source.name}{kept}")


def format_note(source: Source, outputs: Outputs) -> str:
    """One line about formats that can be read but not written, unless the user chose another."""
    writable, instead = _formats(source)
    changed = {file.suffix.lower() for file in source.files} - set(writable)
    chosen = not outputs.is_folder and outputs.path.name != f"{source.name}{instead}"
    if not changed or chosen:
        return ""
    given = ", ".join(sorted(suffix or "a file without suffix" for suffix in changed))
    return f"{source.name}: {given} can be read but not written; converted to {instead}."


def _formats(source: Source) -> tuple[Collection[str], str]:
    """Suffixes that can be written, and the one that replaces the others."""
    return (DEFAULT_ENCODER, ".mp4") if source.kind == "video" else (WRITABLE, _PHOTO)
