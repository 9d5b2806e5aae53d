"""The verb ``faceswap extract``: finds, tracks and aligns faces in videos and photos."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from faceswap.core.console import note
from faceswap.core.device import pick_device
from faceswap.core.errors import ConfigError, MediaError
from faceswap.core.files import user_path
from faceswap.core.outputs import check_outputs
from faceswap.core.scratch import scratch_folder
from faceswap.core.urls import is_url
from faceswap.engine_options import (
    LOCAL,
    Address,
    Engine,
    Tries,
    ray_engine,
    run_with_progress,
    show_outcomes,
)
from faceswap.engines.local import Task, run_tasks
from faceswap.engines.work import Outcome
from faceswap.extract_options import (
    Basis,
    CropSize,
    Detector,
    Device,
    End,
    Every,
    EvidenceFile,
    Exclude,
    FillGaps,
    Identity,
    ImageFormat,
    Import,
    Inputs,
    Landmarker,
    Largest,
    Masker,
    MaskModel,
    MaxFaces,
    MaxSize,
    MinPresence,
    MinScore,
    MinSharpness,
    MinSize,
    Normalise,
    Only,
    Output,
    Overwrite,
    Pitch,
    ReFeed,
    Reference,
    Roll,
    Shard,
    Start,
    SubjectName,
    Threshold,
    Tiles,
    Turned,
    VideoDecoder,
    Yaw,
)
from faceswap.extraction.identities import People
from faceswap.extraction.imported_faces import read_imported_faces
from faceswap.extraction.moments import Moment, frame_span, parse_moment
from faceswap.extraction.networks import Networks
from faceswap.extraction.output_folder import OutputFolder
from faceswap.extraction.people_options import PeopleOptions, build_people
from faceswap.extraction.report import ExtractReport, describe
from faceswap.extraction.selection import Selection, parse_range
from faceswap.extraction.settings import ExtractSettings
from faceswap.extraction.shards import of_shard, parse_shard
from faceswap.extraction.work import ExtractWork
from faceswap.facesets.files import RECORD
from faceswap.facesets.subjects import set_subject
from faceswap.maskers import split_names
from faceswap.media.remote_sources import fetched, find_remote_sources
from faceswap.media.sources import Source, find_sources, with_unique_names
from faceswap.provenance.subject import Evidence, Subject
from faceswap.with_progress import extract_with_progress

_DEFAULTS = ExtractSettings()


def extract(
    inputs: Inputs,
    output: Output = "faces",
    detector: Detector = _DEFAULTS.detector,
    landmarker: Landmarker = _DEFAULTS.landmarker,
    masker: Masker = None,
    mask_model: MaskModel = None,
    import_faces: Import = None,
    crop_size: CropSize = _DEFAULTS.crop_size,
    image_format: ImageFormat = "jpg",
    every: Every = _DEFAULTS.every,
    start: Start = None,
    end: End = None,
    min_size: MinSize = _DEFAULTS.selection.min_size,
    max_size: MaxSize = None,
    min_presence: MinPresence = None,
    min_sharpness: MinSharpness = None,
    yaw: Yaw = None,
    pitch: Pitch = None,
    roll: Roll = None,
    max_faces: MaxFaces = None,
    min_score: MinScore = None,
    tiles: Tiles = _DEFAULTS.tiles,
    turned: Turned = _DEFAULTS.turned,
    fill_gaps: FillGaps = _DEFAULTS.fill_gaps,
    normalise: Normalise = _DEFAULTS.normalise,
    re_feed: ReFeed = _DEFAULTS.re_feed,
    identity: Identity = "auto",
    only: Only = None,
    exclude: Exclude = None,
    threshold: Threshold = None,
    largest: Largest = False,
    subject: SubjectName = None,
    basis: Basis = None,
    reference: Reference = None,
    evidence: EvidenceFile = None,
    shard: Shard = "1/1",
    video_decoder: VideoDecoder = _DEFAULTS.video_decoder,
    device: Device = "auto",
    engine: Engine = LOCAL,
    address: Address = "",
    tries: Tries = 3,
    overwrite: Overwrite = False,
) -> None:
    """Find, track and align the faces of videos and photos; writes one faceset per source.

    If it is interrupted, run the same command again to resume.
    """
    settings = ExtractSettings(
        detector=detector,
        landmarker=landmarker,
        maskers=split_names(masker) or _DEFAULTS.maskers,
        crop_size=crop_size,
        image_format=image_format,
        every=every,
        selection=Selection(
            min_size,
            max_size,
            min_presence,
            min_sharpness,
            parse_range(yaw, "--yaw"),
            parse_range(pitch, "--pitch"),
            parse_range(roll, "--roll"),
            max_faces,
        ),
        mask_model=mask_model,
        fill_gaps=fill_gaps,
        normalise=normalise,
        re_feed=re_feed,
        min_score=min_score,
        tiles=tiles,
        turned=turned,
        video_decoder=video_decoder,
    )
    if import_faces is not None:
        settings.check_imported()
    span = parse_moment(start, "--start"), parse_moment(end, "--end")
    stated = _stated(subject, basis, reference, evidence)
    numbers = parse_shard(shard)
    target = OutputFolder(output)
    if engine != LOCAL:
        _check_shared(target, import_faces)
    with scratch_folder() as copies:
        sources = of_shard(_find(inputs, target.path, copies), numbers)
        if import_faces is not None and len(sources) != 1:
            raise ConfigError(
                f"Expected one source for --import, found {len(sources)}.",
                "Extract each with its own file.",
            )
        place = str(pick_device(device))
        people = build_people(
            identity,
            only or [],
            exclude or [],
            threshold,
            largest=largest,
            device=place,
            on_note=note,
        )
        if engine == LOCAL:
            networks = Networks.build(settings, place, finds_faces=import_faces is None)
            run = partial(
                _extract, target, settings, span, import_faces, people, stated, networks, overwrite
            )
            failures = _extract_all(sources, target, run)
        else:
            chosen = "off" if people.recognizer is None else "on"
            options = PeopleOptions(
                chosen, (*(only or ()),), (*(exclude or ()),), threshold, largest
            )
            run_name = uuid.uuid4().hex
            with _made(target.path), ray_engine(address, tries, device) as ray:
                work = ExtractWork(
                    target.path, settings, span, options, stated, ray.device, overwrite, run_name
                )
                outcomes = run_with_progress(ray, work, sources, "extract", _described)
            show_outcomes(outcomes)
            failures = sum(outcome.report is None for outcome in outcomes)
    if failures:
        raise MediaError(
            f"{failures} of {len(sources)} sources could not be extracted (see above).",
            "The facesets of the others are complete.",
        )


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """A folder that machines can find before anything is in it; it is removed if nothing is."""
    check_outputs([folder / RECORD], overwrite=True)
    created = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        if created:
            with suppress(OSError):  # it has content
                folder.rmdir()


def _described(report: ExtractReport) -> str:
    return describe(report, str(report.path))


def _check_shared(target: OutputFolder, import_faces: Path | None) -> None:
    """Refuses what an engine with several processes cannot do."""
    if import_faces is not None:
        raise ConfigError(
            "Imported faces belong to one source, which one process extracts.",
            "Leave out --engine ray.",
        )
    if is_url(target.shown("")):
        raise ConfigError(
            f"Expected a folder that all machines share for --engine ray, found {target.shown('')}",
            "Give a folder of a shared file system with -o.",
        )


def _extract_all(
    sources: Sequence[Source], target: OutputFolder, run: Callable[[Source], None]
) -> int:
    """Extracts sources one after the other; returns how many of several failed."""
    if len(sources) == 1:
        run(sources[0])
        return 0
    tasks = [Task(each.name, target.path / each.name, partial(run, each)) for each in sources]
    return sum(bool(outcome.reason) for outcome in run_tasks(tasks, _say_failure))


def _say_failure(outcome: Outcome[None]) -> None:
    if outcome.reason:
        note(f"{outcome.name}: {outcome.reason}")


def _stated(
    name: str | None, basis: str | None, reference: str | None, evidence: Path | None
) -> Subject | None:
    """The subject record given on the command line; None if none was given."""
    if name is None and basis is None and reference is None and evidence is None:
        return None
    kept = Evidence.of(evidence) if evidence else None
    return Subject(name or "", basis or Subject.basis, reference or "", kept)


def _find(inputs: Sequence[str], output: Path, copies: Path) -> list[Source]:
    """Sources at paths and URLs; what is at URLs will be copied to a folder for ``copies``."""
    paths = [user_path(text) for text in inputs if not is_url(text)]
    found = find_sources(paths, output, note) if paths else []
    for text in filter(is_url, inputs):
        found += find_remote_sources(text, copies, note)
    return with_unique_names([(source.name, source) for source in found])


def _extract(
    target: OutputFolder,
    settings: ExtractSettings,
    span: tuple[Moment | None, Moment | None],
    import_faces: Path | None,
    people: People,
    stated: Subject | None,
    networks: Networks,
    overwrite: bool,
    source: Source,
) -> None:
    """Extracts one source to where its faceset belongs, and says so."""
    with target.faceset(source.name) as directory, fetched(source) as local:
        first, end = frame_span(local, *span)
        report = extract_with_progress(
            local,
            directory,
            replace(settings, first_frame=first, end_frame=end),
            people=people,
            imported=None if import_faces is None else read_imported_faces(import_faces, local),
            networks=networks,
            overwrite=overwrite,
        )
        if stated is not None:
            set_subject(report.path, stated)
    note(describe(report, target.shown(source.name)))
