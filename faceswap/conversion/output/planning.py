"""Decides where the sources of a command are written."""

from collections.abc import Sequence
from pathlib import Path

from faceswap.conversion.output.names import PHOTO_SUFFIX, Outputs, name_outputs
from faceswap.conversion.output.report import is_report_of
from faceswap.core.errors import MediaError
from faceswap.core.hashed_file import HashedFile
from faceswap.core.outputs import is_taken
from faceswap.media.frame_pattern import is_pattern
from faceswap.media.images import WRITABLE
from faceswap.media.muxers import writable_suffix
from faceswap.media.sources import Source
from faceswap.provenance.own_files import is_made_from
from faceswap.provenance.sidecar import written_sidecar


def plan_outputs(sources: Sequence[Source], output: Path) -> list[Outputs]:
    """Names the outputs of all sources of a command.

    Args:
        sources: All sources.
        output: File for one video or photo; else a folder. A single file whose output has no
            suffix, or is an existing folder, is written into that folder under its own name. The
            photos of a single folder are written into ``output`` itself, and the same again when
            they are converted again; into a folder of their own if ``output`` holds other files.

    Raises:
        MediaError: An output is a source itself, its format cannot be written, or numbered images
            are made of several sources.
    """
    if len(sources) > 1 and is_pattern(output):
        raise MediaError(
            f"Numbered images are made of one video, found {len(sources)} sources.",
            "Convert them one by one, each into a folder of its own.",
        )
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
        inner = name_outputs(source, output / source.name)
        outer = name_outputs(source, output)
        return outer if single and _is_for(outer, source) else inner
    return name_outputs(source, output / f"{source.name}{_written_suffix(source)}")


def _is_for(outputs: Outputs, source: Source) -> bool:
    """Whether an existing folder is empty, or holds a conversion of these photos."""
    folder = outputs.path
    if folder.name in ("", ".."):  # it has no place for a report beside it
        return False
    # Hidden ones are the lock and the temporary files of a killed conversion, or no content.
    if all(path.name.startswith(".") for path in folder.iterdir()):
        return True
    return is_report_of(outputs.report, source) or any(
        _is_made_from(file, photo) for file, photo in zip(outputs.files, source.files, strict=True)
    )


def _is_made_from(file: Path, photo: Path) -> bool:
    if file.is_file():
        return is_made_from(file, HashedFile.of(photo))
    sidecar = written_sidecar(file)  # written first: the conversion may have ended between them
    return sidecar is not None and is_taken(sidecar)


def format_note(source: Source, outputs: Outputs) -> str:
    """One line about formats that can be read but not written, unless the user chose another."""
    instead = _written_suffix(source) if source.kind == "video" else PHOTO_SUFFIX
    written = {instead} if source.kind == "video" else WRITABLE
    changed = {file.suffix.lower() for file in source.files} - set(written)
    chosen = not outputs.is_folder and outputs.path.name != f"{source.name}{instead}"
    if not changed or chosen:
        return ""
    given = ", ".join(sorted(suffix or "a file without suffix" for suffix in changed))
    return f"{source.name}: {given} can be read but not written; converted to {instead}."


def _written_suffix(source: Source) -> str:
    """Suffix of a file that replaces a video or a single photo: its own if it can be written."""
    suffix = source.path.suffix
    if source.kind == "video":
        written = writable_suffix(source.path)
        return suffix if suffix.lower() == written else written
    return suffix if suffix.lower() in WRITABLE else PHOTO_SUFFIX
