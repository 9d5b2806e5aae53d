"""Finds the faces of one source and writes them into its faceset."""

import time
from collections.abc import Callable
from pathlib import Path

from faceswap.core.locks import check_free, hold_folder
from faceswap.core.outputs import check_outputs
from faceswap.extraction.identities import People
from faceswap.extraction.imported_faces import ImportedFaces
from faceswap.extraction.networks import Networks
from faceswap.extraction.report import ExtractReport
from faceswap.extraction.settings import ExtractSettings
from faceswap.extraction.source_extraction import SourceExtraction
from faceswap.facesets.files import RECORD, SEGMENTS, remove_empty_folder
from faceswap.facesets.subjects import is_faceset
from faceswap.media.hashed_source import HashedSource, hash_source
from faceswap.media.sources import Source


class _FrameCount:
    """Reports frames that are done, and counts those that this run reads."""

    def __init__(self, on_frames: Callable[[int], None]) -> None:
        self.frames = 0
        self._on_frames = on_frames

    def __call__(self, frames: int) -> None:
        self.frames += frames
        self._on_frames(frames)


def extract_source(
    source: Source,
    directory: Path,
    settings: ExtractSettings,
    *,
    hashed: HashedSource | None = None,
    people: People | None = None,
    imported: ImportedFaces | None = None,
    device: str = "cpu",
    networks: Networks | None = None,
    overwrite: bool = False,
    on_frames: Callable[[int], None] = lambda _: None,
) -> ExtractReport:
    """Extracts one source into one faceset; resumes an interrupted extraction.

    Args:
        source: Video, or the photos of a folder.
        directory: Directory of the faceset.
        settings: Settings that the faces depend on.
        hashed: The source with the hashes of its files; None to hash them.
        people: Recognition network, and the people whose faces are kept; None recognises nobody.
        imported: Faces that another program found, which replace detector and tracker, and the
            landmarker where they have landmarks; None to find them.
        device: Device of the networks; a CUDA device may decode the video, too.
        networks: Networks that other sources share, on ``device``; None to build them.
        overwrite: Whether to replace an existing faceset, once the first face is found.
        on_frames: Callback with the number of frames done since its last call.

    Raises:
        ConfigError: A masker is not registered, lacks a network or a mesh, or is named twice.
        NoFacesError: No frame has a face, or none of a wanted person.
        FacesetError: The directory holds the faces of another source or of other settings.
        MediaError: The source cannot be read at all, or not with the decoder that was chosen by
            name or read its beginning.
        SourceChangedError: The source changed while it was read; complete segments are kept.
        OutputBusyError: Another process writes this faceset.
        OutputExistsError: The directory holds files, but no faceset.
        OutputError: A name is longer than the file system allows, or lies in a file.
        StorageFullError: The disk is full; complete segments are kept.
    """
    check_outputs([directory / RECORD], overwrite=True)  # can it have this name at all?
    was_faceset = is_faceset(directory)
    try:
        with hold_folder(directory, "the extraction"):
            check_free(directory / SEGMENTS)  # processes that share an extraction hold no more
            return _extract_into(
                directory,
                hashed or hash_source(source),
                settings,
                people,
                imported,
                networks or Networks.build(settings, device, finds_faces=imported is None),
                overwrite,
                on_frames,
            )
    finally:
        if was_faceset:
            remove_empty_folder(directory)


def _extract_into(
    directory: Path,
    hashed: HashedSource,
    settings: ExtractSettings,
    people: People | None,
    imported: ImportedFaces | None,
    networks: Networks,
    overwrite: bool,
    on_frames: Callable[[int], None],
) -> ExtractReport:
    begun = time.monotonic()
    extraction = SourceExtraction.open(
        hashed,
        directory,
        settings,
        people=people,
        imported=imported,
        networks=networks,
        overwrite=overwrite,
    )
    notes: tuple[str, ...] = ()
    read = _FrameCount(on_frames)
    if not extraction.writer.complete:
        on_frames(extraction.stored_frames())
        notes = _extract(extraction, read)
    return ExtractReport.of_faceset(
        hashed.source.name,
        directory,
        extraction.writer.record,
        notes,
        frames_now=read.frames,
        seconds=time.monotonic() - begun,
        rates=extraction.stages.rates(),
    )


def _extract(extraction: SourceExtraction, on_frames: Callable[[int], None]) -> tuple[str, ...]:
    """Extracts what is missing; returns lines about how the source was read, and on people."""
    notes = extraction.extract_missing(on_frames)
    return (*notes, *extraction.finish())
