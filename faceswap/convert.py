"""The verb ``faceswap convert``: swaps the faces of videos and photos."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NoReturn

from faceswap import convert_options as options
from faceswap.conversion.batch import Outcome, Task, run_batch
from faceswap.conversion.build import Networks, build_encoding, build_swapper
from faceswap.conversion.faces.chosen_faceset import check_folder, choose_faceset
from faceswap.conversion.faces.finding import FaceFinding
from faceswap.conversion.faces.targets import parse_targets
from faceswap.conversion.output.earlier import Earlier
from faceswap.conversion.output.names import Outputs
from faceswap.conversion.output.planning import format_note, plan_outputs
from faceswap.conversion.output.report import ConvertReport, describe, describe_model
from faceswap.conversion.pipeline import ConvertJob
from faceswap.conversion.sharded import Shard, convert_shard
from faceswap.conversion.sweep import parse_axes, variants
from faceswap.conversion.tuning import SheetRow, sheet_path, write_tuning_sheet
from faceswap.conversion.video.ranges import parse_ranges
from faceswap.core.console import TextTable, note, progress_bar, show_table
from faceswap.core.device import pick_device
from faceswap.core.errors import ConfigError, FaceswapError, MediaError
from faceswap.core.outputs import check_outputs
from faceswap.core.text import counted
from faceswap.extraction.shards import ALL, parse_shard
from faceswap.maskers import split_names
from faceswap.media.sources import Source, find_sources
from faceswap.models.run_model import load_run_model
from faceswap.provenance.identity import open_identity
from faceswap.provenance.subject import describe_shown
from faceswap.tracking.finder import DETECTOR, LANDMARKER

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
    place = pick_device(device)
    loaded = load_run_model(model, place, checkpoint)
    networks = Networks()
    swapper = build_swapper(loaded, resolved, networks=networks)
    if to is None and not mapped and len(loaded.targets) == 1:
        to = loaded.targets[0]  # all others are people of the crowd
    targets = parse_targets(
        to,
        mapped or (),
        loaded.check_target,
        threshold=resolved.faces.threshold,
        fade=resolved.faces.fade,
        device=str(place),
    )
    ranges = parse_ranges(start, end, spans or (), outside)
    sources = find_sources(inputs, output, note)
    if faceset is not None and len(sources) > 1:
        check_folder(faceset, len(sources))
    finding = FaceFinding(detector, landmarker, str(place))
    encode = build_encoding(resolved.encode)

    def build_job(source: Source, outputs: Outputs) -> ConvertJob:
        own = finding if faceset is None else choose_faceset(source, faceset)
        return ConvertJob(source, outputs, swapper, own, encode, identity, targets, ranges)

    jobs, refused = _build_jobs(sources, plan_outputs(sources, output), build_job)
    if preview is not None or swept:
        if shards != ALL:
            raise ConfigError("Sheets are not made in shards.", "Omit --shard.")
        sheet_rows = [
            SheetRow(variant.label, build_swapper(loaded, row, networks=networks), variant.changes)
            for variant, row in rows
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
    note(describe_model(model, loaded))
    complete = [report for report in reports if report is not None]
    for name in sorted({name for report in complete for name in report.shown}):
        note(describe_shown(name, loaded.meta.subjects))
    failures = len(reports) - len(complete)
    if failures:
        raise MediaError(
            f"{failures} of {len(sources)} sources could not be converted (see above).",
            "The others are complete, and are kept when the same command is run again."
            if complete
            else "Run the same command again when the causes are removed.",
        )


def _build_jobs(
    sources: Sequence[Source],
    outputs: Sequence[Outputs],
    build: Callable[[Source, Outputs], ConvertJob],
) -> tuple[dict[int, ConvertJob], dict[int, Task]]:
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


def _convert_all(tasks: Sequence[Task]) -> list[Outcome]:
    """Converts several sources, and shows in a table what became of them."""
    outcomes = run_batch(tasks, _show)
    table = TextTable("source", "state", "frames", "faces", "frames/s", "reason")
    for outcome in outcomes:
        table.add_row(outcome.name, outcome.state, *_figures(outcome.report), outcome.reason)
    show_table(table)
    return outcomes


def _show(outcome: Outcome) -> None:
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


def convert_with_progress(
    job: ConvertJob,
    earlier: Earlier | None = None,
    shard: Shard | None = None,
    *,
    overwrite: bool = False,
) -> ConvertReport:
    """Runs a conversion, or a shard of it, behind a progress bar."""
    source = job.source
    unit = "frames" if job.passes == 1 else f"frames in {job.passes} passes"
    with progress_bar(f"convert {source.name}", job.frames() or None, unit) as advance:
        if shard is None or (shard.number, shard.shards) == ALL:
            return job.run(earlier, overwrite=overwrite, on_frames=advance)
        return convert_shard(
            job, shard, earlier, overwrite=overwrite, on_frames=advance, on_wait=note
        )


def _write_sheets(
    jobs: Sequence[ConvertJob],
    refused: Sequence[Task],
    rows: Sequence[SheetRow],
    count: int,
    *,
    overwrite: bool,
) -> None:
    """Writes the sheet of each source instead of converting it."""
    failures, sources = len(run_batch(refused, _show)), len(jobs) + len(refused)
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
