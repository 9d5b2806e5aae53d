"""Finds the faces of one source and writes them into its faceset."""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from faceswap.core.errors import MediaError
from faceswap.core.locks import check_free, hold_folder
from faceswap.core.outputs import check_outputs
from faceswap.extraction.identities import People
from faceswap.extraction.imported_faces import ImportedFaces
from faceswap.extraction.settings import ExtractSettings
from faceswap.extraction.source_extraction import SourceExtraction
from faceswap.facesets.files import RECORD, SEGMENTS
from faceswap.facesets.subjects import is_faceset
from faceswap.media.hashed_source import hash_source
from faceswap.media.sources import Source


@dataclass(frozen=True)
class ExtractReport:
    """Result of extracting one source.

    Attributes:
        name: Name of the source.
        path: Directory of the faceset.
        frames: Number of processed frames, those of earlier runs included.
        frames_with_face: Number of frames with at least one face.
        faces: Number of faces.
        seconds: Duration of this run in seconds.
        frames_now: Number of frames that this run read.
        damage: Description of the unreadable part of the source; "" if there is none.
        left_out: Number of faces that were not selected, by the name of the condition.
        rates: Frames per second of each stage of this run by itself: decode, detect, track, write.
        notes: Lines about how this run read the source.
    """

    name: str
    path: Path
    frames: int
    frames_with_face: int
    faces: int
    seconds: float
    frames_now: int
    damage: str
    left_out: Mapping[str, int]
    rates: Mapping[str, float]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, extraction: SourceExtraction, notes: tuple[str, ...], frames_now: int, seconds: float
    ) -> "ExtractReport":
        """The report of a complete extraction.

        Args:
            extraction: The extraction.
            notes: Lines about how this run read the source.
            frames_now: Number of frames that this run read.
            seconds: Duration of this run.
        """
        facts, every = extraction.writer.record["source"], extraction.settings.every
        return cls(
            name=extraction.source.name,
            path=extraction.writer.path,
            frames=math.ceil(facts["frames"] / every) - math.ceil(extraction.begin / every),
            frames_with_face=facts["frames_with_face"],
            faces=facts["faces"],
            seconds=seconds,
            frames_now=frames_now,
            damage=facts["damage"],
            left_out=facts.get("left_out", {}),
            rates=extraction.stages.rates(),
            notes=notes,
        )


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
    people: People | None = None,
    imported: ImportedFaces | None = None,
    device: str = "cpu",
    overwrite: bool = False,
    on_frames: Callable[[int], None] = lambda _: None,
) -> ExtractReport:
    """Extracts one source into one faceset; resumes an interrupted extraction.

    Args:
        source: Video, or the photos of a folder.
        directory: Directory of the faceset.
        settings: Settings that the faces depend on.
        people: Recognition network, and the people whose faces are kept; None recognises nobody.
        imported: Faces that another program found, which replace detector and tracker, and the
            landmarker where they have landmarks; None to find them.
        device: Device of the networks; a CUDA device may decode the video, too.
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
                source,
                settings,
                people,
                imported,
                device,
                overwrite,
                on_frames,
            )
    finally:
        if was_faceset and not is_faceset(directory):
            with suppress(OSError):  # it has other files
                directory.rmdir()


def _extract_into(
    directory: Path,
    source: Source,
    settings: ExtractSettings,
    people: People | None,
    imported: ImportedFaces | None,
    device: str,
    overwrite: bool,
    on_frames: Callable[[int], None],
) -> ExtractReport:
    begun = time.monotonic()
    extraction = SourceExtraction.open(
        hash_source(source),
        directory,
        settings,
        people=people,
        imported=imported,
        device=device,
        overwrite=overwrite,
    )
    notes: tuple[str, ...] = ()
    read = _FrameCount(on_frames)
    if not extraction.writer.complete:
        on_frames(extraction.stored_frames())
        notes = _extract(extraction, read)
    return ExtractReport.of(extraction, notes, read.frames, time.monotonic() - begun)


def _extract(extraction: SourceExtraction, on_frames: Callable[[int], None]) -> tuple[str, ...]:
    """Extracts what is missing; returns lines about how the source was read."""
    try:
        notes = [
            note for group in extraction.missing() for note in extraction.extract(group, on_frames)
        ]
    except MediaError:
        if not extraction.writer.segments():  # nothing usable was read: no faceset is begun
            extraction.writer.discard()
        raise
    return (*dict.fromkeys(notes), *extraction.finish())
