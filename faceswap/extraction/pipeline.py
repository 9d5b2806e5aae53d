"""Finds the faces of one source and writes them into its faceset.

Four stages run at once behind bounded queues: decoding, scheduled detection passes, tracking, and
cropping and writing.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceswap.core.errors import MediaError, NoFacesError
from faceswap.core.locks import hold_folder
from faceswap.core.outputs import check_outputs
from faceswap.core.prefetch import prefetch
from faceswap.extraction.cropping import store_faces
from faceswap.extraction.identities import Identification, People
from faceswap.extraction.imported_faces import ImportedFaces
from faceswap.extraction.imported_tracker import ImportedTracker
from faceswap.extraction.records import extractor_record, source_record
from faceswap.extraction.selection import Selector
from faceswap.extraction.settings import ExtractSettings
from faceswap.extraction.stages import Stages
from faceswap.extraction.tracked import build_source_tracker, restore_tracker, track_source
from faceswap.extraction.video_decoding import decoder_record, decoding_of
from faceswap.facesets.files import RECORD
from faceswap.facesets.subjects import is_faceset
from faceswap.facesets.writer import FacesetWriter
from faceswap.maskers import Masker, build_maskers
from faceswap.media.decoding import Decoding
from faceswap.media.frame import Frame
from faceswap.media.hashed_source import HashedSource, hash_source
from faceswap.media.sources import Source, open_source
from faceswap.tracking.tracker import Tracker

SHARD_FRAMES = 200
_QUEUE = 8


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
        SourceChangedError: The source changed while it was read; finished shards are kept.
        OutputBusyError: Another process writes this faceset.
        OutputExistsError: The directory holds files, but no faceset.
        OutputError: A name is longer than the file system allows, or lies in a file.
        StorageFullError: The disk is full; finished shards are kept.
    """
    check_outputs([directory / RECORD], overwrite=True)  # can it have this name at all?
    was_faceset = is_faceset(directory)
    try:
        with hold_folder(directory, "the extraction"):
            return _extract_into(
                directory,
                source,
                settings,
                people or People(),
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
    people: People,
    imported: ImportedFaces | None,
    device: str,
    overwrite: bool,
    on_frames: Callable[[int], None],
) -> ExtractReport:
    begun = time.monotonic()
    hashed = hash_source(source)
    tracker = build_source_tracker(settings, imported, device)
    maskers = build_maskers(settings.maskers, device, settings.mask_model)
    decoding = decoding_of(hashed, directory, settings.video_decoder, device, overwrite=overwrite)
    writer = FacesetWriter(
        directory,
        source_record(hashed),
        extractor_record(source, settings, tracker, maskers)
        | people.record()
        | decoder_record(decoding),
        overwrite=overwrite,
        smooths=imported is None or not imported.have_landmarks,
    )
    skipped = settings.first_frame or 0
    first = max(writer.next_frame, skipped)
    on_frames(first - skipped)
    notes: tuple[str, ...] = ()
    stages = Stages()
    if not writer.complete:
        identification = Identification(people, directory, video=source.kind == "video")
        notes = _extract(
            hashed, writer, settings, decoding, tracker, maskers, identification, stages, on_frames
        )
    facts, every = writer.record["source"], settings.every
    return ExtractReport(
        name=source.name,
        path=directory,
        frames=math.ceil(facts["frames"] / every) - math.ceil(skipped / every),
        frames_with_face=facts["frames_with_face"],
        faces=facts["faces"],
        seconds=time.monotonic() - begun,
        frames_now=max(0, writer.next_frame - first),
        damage=facts["damage"],
        left_out=facts.get("left_out", {}),
        rates=stages.rates(),
        notes=notes,
    )


def _extract(
    hashed: HashedSource,
    writer: FacesetWriter,
    settings: ExtractSettings,
    decoding: Decoding,
    tracker: Tracker | ImportedTracker,
    maskers: Mapping[str, Masker],
    identification: Identification,
    stages: Stages,
    on_frames: Callable[[int], None],
) -> tuple[str, ...]:
    """Extracts what is missing; returns lines about how the source was read."""
    source, begin = hashed.source, settings.first_frame or 0
    done = max(writer.next_frame, begin)
    first = max(restore_tracker(tracker, writer.state, done), begin)
    selector = Selector(settings.selection, follows=source.kind == "video")
    selector.restore((writer.state or {}).get("selector"))
    reader = open_source(source, first, decoding)
    frames = _processed(stages.decode.over(reader), settings.every, settings.end_frame)
    gap = settings.fill_gaps // settings.every
    tracked = track_source(
        frames,
        tracker,
        source.kind,
        stages,
        step=settings.every,
        first=first,
        stored=done,
        longest_gap=gap,
        shard=SHARD_FRAMES,
    )
    try:
        with closing(prefetch(stages.track.gives(tracked), _QUEUE)) as results:
            for frame, faces, state in results:
                if frame.index < done:
                    continue  # tracked again, since a gap may begin there
                rows = store_faces(
                    frame,
                    faces,
                    maskers,
                    writer.path,
                    crop_size=settings.crop_size,
                    image_format=settings.image_format,
                    selector=selector,
                    on_store=writer.begin,
                )
                with stages.write:
                    for row in rows:
                        writer.add(row)
                        identification.add(row)
                on_frames(frame.index + 1 - done)
                done = frame.index + 1
                if state is not None:
                    hashed.check(slice(writer.next_frame, done))
                    identification.end_shard()
                    writer.end_shard(done, state | {"selector": selector.state()})
        hashed.check()
    except MediaError:
        if writer.next_frame == 0:  # nothing usable was read: no faceset is begun
            writer.discard()
        raise
    identification.end_shard()
    last = {"frame": done, "tracker": tracker.state(), "selector": selector.state()}
    writer.end_shard(done, last)
    facts = {"frames": done, "damage": reader.damage or ""}
    summary = _finish(writer, identification, selector, facts)
    if summary is None:
        raise _no_faces(source, begin, done - begin, facts["damage"], selector)
    return (*filter(None, [decoding.note]), *reader.notes, *reader.losses, *summary)


def _finish(
    writer: FacesetWriter,
    identification: Identification,
    selector: Selector,
    facts: dict[str, Any],
) -> list[str] | None:
    """Decides about people and merges the shards; returns a line on people, None without faces."""
    try:
        with identification.decide(writer.shards()) as decisions:
            left_out = dict(selector.left_out) | decisions.left_out
            writer.record["extractor"] |= identification.facts()
            if writer.finish(decisions.apply, left_out=left_out, **facts):
                return decisions.summary()
    except NoFacesError:
        writer.discard()
        raise
    writer.discard()
    return None


def _processed(reader: Iterable[Frame], every: int, end: int | None) -> Iterator[Frame]:
    with closing(prefetch(reader, _QUEUE)) as frames:
        for frame in frames:
            if end is not None and frame.index >= end:
                return
            if frame.index % every == 0:
                yield frame


def _no_faces(
    source: Source, begin: int, frames: int, damage: str, selector: Selector
) -> NoFacesError:
    if begin and not frames and not damage:
        return NoFacesError(
            f"Expected frames to read from number {begin} on in {source.path}, found none.",
            "--start lies after the last frame, or --every skips those that remain.",
        )
    left_out = selector.left_out.total()
    what = f"None of {left_out} faces was selected" if left_out else "No face was found"
    read = f"{frames} frames read" + (f". {damage}" if damage else "")
    counts = ", ".join(f"{name} ({n})" for name, n in selector.left_out.items())
    hint = f"Relax what they did not meet: {counts}." if counts else "Try another --detector."
    return NoFacesError(f"{what} in {source.path} ({read}).", hint)
