"""The verb ``faceswap convert``: swaps the faces of videos and photos."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NoReturn

from faceswap import convert_options as options
from faceswap.conversion.faces.chosen_faceset import check_folder
from faceswap.conversion.output.earlier import Earlier
from faceswap.conversion.output.names import Outputs
from faceswap.conversion.output.planning import format_note, plan_outputs
from faceswap.conversion.output.report import ConvertReport, describe, describe_model
from faceswap.conversion.pipeline import ConvertJob
from faceswap.conversion.setup import ConvertSetup
from faceswap.conversion.sharded import Shard
from faceswap.conversion.sweep import parse_axes, variants
from faceswap.conversion.tuning import SheetRow, sheet_path, write_tuning_sheet
from faceswap.conversion.video.ranges import parse_ranges
from faceswap.conversion.work import ConvertItem, ConvertWork, FindFacesWork
from faceswap.core.console import TextTable, note, progress_bar, show_table
from faceswap.core.errors import ConfigError, FaceswapError, MediaError
from faceswap.core.outputs import check_outputs
from faceswap.core.text import counted
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
from faceswap.extraction.shards import ALL, parse_shard
from faceswap.maskers import split_names
from faceswap.media.sources import Source, find_sources
from faceswap.provenance.identity import open_identity
from faceswap.provenance.subject import describe_shown
from faceswap.tracking.finder import DETECTOR, LANDMARKER
from faceswap.with_progress import convert_with_progress

_SWEPT_FRAMES = 4  # of a sweep, unless --preview gives another number


def convert(
    inputs: options.Inputs,
    model: options.Model,
    output: options.Output,
    to: options.To = None,
    mapped: options.Map = None,
    checkpoint: options.CheckpointName = None,
    faceset: options.FacesetFolder = None,
    detector: options.DetectorName = DETECTOR,
    landmarker: options.LandmarkerName = LANDMARKER,
    start: options.Start = None,
    end: options.End = None,
    spans: options.Range = None,
    outside: options.OutsideRanges = "keep",
    shard: options.Shard = "1/1",
    config: options.Recipe = None,
    settings: options.Settings = None,
    colour: options.Colour = None,
    blend: options.Blend = None,
    mask: options.Mask = None,
    mask_model: options.MaskModel = None,
    erode: options.Erode = None,
    feather: options.Feather = None,
    keep: options.Keep = None,
    detail: options.Detail = None,
    sharpen: options.Sharpen = None,
    grain: options.Grain = None,
    motion_blur: options.MotionBlur = None,
    encoder: options.Encoder = None,
    crf: options.Crf = None,
    preset: options.Preset = None,
    lossless: options.Lossless = None,
    view: options.ViewName = None,
    audio: options.Audio = None,
    sign_cert: options.SignCert = None,
    sign_key: options.SignKey = None,
    device: options.Device = "auto",
    engine: Engine = LOCAL,
    address: Address = "",
    tries: Tries = 3,
    overwrite: options.Overwrite = False,
    preview: options.Preview = None,
    sweep: options.Sweep = None,
) -> None:
    """Swap the faces of videos or photos, all to one identity or each to its own.

    Audio, timestamps and frame count are kept. The output is labelled as synthetic by Content
    Credentials (a signed C2PA manifest), by plain metadata, and by a JSON report beside it; read
    them with `faceswap inspect`. If it is interrupted, run the same command again: finished files
    are kept.
    """
    given = {
        "colour.transfer": colour,
        "blend.method": blend,
        "mask.name": mask,
        "mask.model": mask_model,
        "mask.erode": erode,
        "mask.feather": feather,
        "mask.keep": None if keep is None else split_names([keep]),
        "detail.skin": detail,
        "detail.sharpen": sharpen,
        "detail.grain": grain,
        "detail.motion_blur": motion_blur,
        "encode.encoder": encoder,
        "encode.crf": crf,
        "encode.preset": preset,
        "encode.lossless": lossless,
        "encode.view": view,
        "encode.audio": audio,
    }
    resolved = options.load_settings(config, given, settings or ())
    shards = parse_shard(shard)
    inputs, swept = options.split_sweep(inputs, sweep or ())
    rows = [
        (variant, options.load_settings(config, given, [*(settings or ()), *variant.changes]))
        for variant in variants(parse_axes(swept))
    ]
    identity = open_identity(sign_cert, sign_key)  # first: unsigned output is never written
    setup = ConvertSetup(
        model=model,
        config=resolved,
        identity=identity,
        to=to,
        mapped=(*(mapped or ()),),
        checkpoint=checkpoint,
        faceset=faceset,
        detector=detector,
        landmarker=landmarker,
        ranges=parse_ranges(start, end, spans or (), outside),
        device=device,
    )
    setup.check()
    sources = find_sources(inputs, output, note)
    if faceset is not None and len(sources) > 1:
        check_folder(faceset, len(sources))
    outputs = plan_outputs(sources, output)
    if engine != LOCAL:
        if preview is not None or swept or shards != ALL:
            raise ConfigError(
                "--preview, --sweep and --shard are made by one process.", "Leave out --engine ray."
            )
        reports = _convert_on_ray(setup, sources, outputs, address, tries, overwrite=overwrite)
        _conclude(setup, reports)
        return
    jobs, refused = _build_jobs(sources, outputs, setup.job)
    if preview is not None or swept:
        if shards != ALL:
            raise ConfigError("Sheets are not made in shards.", "Omit --shard.")
        sheet_rows = [
            SheetRow(variant.label, setup.varied(row), variant.changes) for variant, row in rows
        ]
        count = preview or _SWEPT_FRAMES
        _write_sheets([*jobs.values()], [*refused.values()], sheet_rows, count, overwrite=overwrite)
        return
    found = _find_earlier([*jobs.values()], overwrite=overwrite)
    if len(sources) == 1:
        reports = [_convert(jobs[0], found[0], Shard(*shards), overwrite=overwrite)]
        note(describe(reports[0]))
    else:
        tasks = {
            place: Task(
                job.source.name,
                job.outputs.path,
                partial(_convert, job, one, Shard(*shards, place), overwrite=overwrite),
            )
            for (place, job), one in zip(jobs.items(), found, strict=True)
        }
        outcomes = _convert_all([task for _, task in sorted((tasks | refused).items())])
        reports = [outcome.report for outcome in outcomes]
    _conclude(setup, reports)


def _conclude(setup: ConvertSetup, reports: Sequence[ConvertReport | None]) -> None:
    """Says what all conversions have in common.

    Raises:
        MediaError: One failed.
    """
    note(describe_model(setup.model, setup.loaded))
    complete = [report for report in reports if report is not None]
    for name in sorted({name for report in complete for name in report.shown}):
        note(describe_shown(name, setup.loaded.meta.subjects))
    failures = len(reports) - len(complete)
    if failures:
        raise MediaError(
            f"{failures} of {len(reports)} sources could not be converted (see above).",
            "The others are complete, and are kept when the same command is run again."
            if complete
            else "Run the same command again when the causes are removed.",
        )


def _convert_on_ray(
    setup: ConvertSetup,
    sources: Sequence[Source],
    outputs: Sequence[Outputs],
    address: str,
    tries: int,
    *,
    overwrite: bool,
) -> list[ConvertReport | None]:
    """Converts sources on a cluster: finds the faces of all of them, and swaps them then."""
    items = [ConvertItem(*pair) for pair in zip(sources, outputs, strict=True)]
    with ray_engine(address, tries, setup.device) as ray:
        shared = replace(setup, device=ray.device)  # without the networks of this process
        faces = run_with_progress(ray, FindFacesWork(shared, overwrite), items, "find faces")
        failed = {outcome.name for outcome in faces if outcome.report is None}
        found = [item for item in items if item.name not in failed]
        work = ConvertWork(shared, overwrite)
        converted = run_with_progress(ray, work, found, "convert", describe)
    outcomes = [*(outcome for outcome in faces if outcome.report is None), *converted]
    show_outcomes(outcomes)
    return [*(None for _ in failed), *(outcome.report for outcome in converted)]


def _build_jobs(
    sources: Sequence[Source],
    outputs: Sequence[Outputs],
    build: Callable[[Source, Outputs], ConvertJob],
) -> tuple[dict[int, ConvertJob], dict[int, Task[ConvertReport]]]:
    """Conversions of sources by their place, and tasks that fail for those that have none.

    Raises:
        FaceswapError: The only source cannot be converted.
    """
    jobs, refused = {}, {}
    for place, (source, own) in enumerate(zip(sources, outputs, strict=True)):
        try:
            jobs[place] = build(source, own)
        except FaceswapError as error:
            if len(sources) == 1:
                raise
            refused[place] = Task(source.name, own.path, partial(_refuse, error))
    return jobs, refused


def _refuse(error: FaceswapError) -> NoReturn:
    raise error


def _convert_all(tasks: Sequence[Task[ConvertReport]]) -> list[Outcome[ConvertReport]]:
    """Converts several sources, and shows in a table what became of them."""
    outcomes = run_tasks(tasks, _show)
    table = TextTable("source", "state", "frames", "faces", "frames/s", "reason")
    for outcome in outcomes:
        table.add_row(outcome.name, _state(outcome), *_figures(outcome.report), outcome.reason)
    show_table(table)
    return outcomes


def _state(outcome: Outcome[ConvertReport]) -> str:
    """How the conversion of a source ended; ``unfinished`` where other shards are missing."""
    if outcome.report is None:
        return "failed"
    if outcome.report.missing:
        return "unfinished"
    return "converted" if outcome.report.frames_now else "kept"


def _show(outcome: Outcome[ConvertReport]) -> None:
    report = outcome.report
    note(f"{outcome.name}: {outcome.reason}" if report is None else describe(report))


def _figures(report: ConvertReport | None) -> tuple[str, str, str]:
    """Frames, faces, and frames per second of a source, for the table."""
    if report is None:
        return "", "", ""
    rate = f"{report.frames_now / report.seconds:.1f}" if report.frames_now else ""
    return str(report.frames), str(report.faces_swapped), rate


def _convert(
    job: ConvertJob, earlier: Earlier | None, shard: Shard, *, overwrite: bool
) -> ConvertReport:
    """Converts a source, unless an identical conversion is complete."""
    finished = earlier.report if earlier else None
    return finished or convert_with_progress(job, earlier, shard, overwrite=overwrite)


def _write_sheets(
    jobs: Sequence[ConvertJob],
    refused: Sequence[Task[ConvertReport]],
    rows: Sequence[SheetRow],
    count: int,
    *,
    overwrite: bool,
) -> None:
    """Writes the sheet of each source instead of converting it."""
    failures, sources = len(run_tasks(refused, _show)), len(jobs) + len(refused)
    for job in jobs:
        path = sheet_path(job, swept=any(row.changes for row in rows))
        title, total = f"preview {job.source.name}", count * len(rows)
        try:
            with progress_bar(title, total, "frames") as advance:
                shown = write_tuning_sheet(
                    job, rows, count, path, overwrite=overwrite, on_tiles=advance
                )
        except FaceswapError as error:
            if sources == 1:
                raise
            failures += 1
            note(f"{job.source.name}: {error.message} {error.hint}")
        else:
            note(f"{path}: {counted(shown, 'frame')} of {job.source.path}")
    if failures:
        raise MediaError(f"{failures} of {sources} sheets could not be made (see above).")


def _find_earlier(jobs: list[ConvertJob], *, overwrite: bool) -> list[Earlier | None]:
    """Checks every name that will be written; returns what earlier conversions left."""
    check_outputs([name for job in jobs for name in job.outputs.names()], overwrite=True)
    for job in jobs:
        if explanation := format_note(job.source, job.outputs):
            note(explanation)
    return [None if overwrite else job.find_earlier() for job in jobs]
