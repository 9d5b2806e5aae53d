"""The verb ``faceswap evaluate``: says in numbers how good a swap is."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.table import Table

from faceswap.core.console import note, progress_bar, show_table
from faceswap.core.device import pick_device
from faceswap.core.errors import ConfigError, WeightsUnavailable
from faceswap.evaluation.converted import Files, evaluate_converted
from faceswap.evaluation.detector_set import make_detector_set
from faceswap.evaluation.evaluation import IDENTITY, Evaluation, LeftOut, lines
from faceswap.evaluation.face_finder import FaceFinder
from faceswap.evaluation.judge import Judge
from faceswap.evaluation.reconstruction import load_lpips
from faceswap.evaluation.report import (
    METRICS_FILE,
    PAGE,
    file_rows,
    reconstruction_table,
    table,
    write_report,
)
from faceswap.evaluation.runs import (
    Candidate,
    evaluate_runs,
    frames_to_judge,
    open_runs,
    shared_held_out,
)
from faceswap.extraction.pipeline import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.media.video import probe
from faceswap.recognizers import build_recognizer

_EXTRACT = ExtractSettings()
_FRAMES_RUN, _FRAMES_FILE, _FRAMES_SET = 100, 300, 300
T = TypeVar("T")


def evaluate(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(help="Runs to judge side by side on frames none was trained on."),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for metrics.json and index.html.")
    ] = Path("evaluation"),
    converted: Annotated[
        Path | None, typer.Option(help="A converted video to judge instead of runs.")
    ] = None,
    source: Annotated[Path | None, typer.Option(help="The video it was made of.")] = None,
    faceset: Annotated[
        Path | None, typer.Option(help="Faceset of the source; else its faces are found anew.")
    ] = None,
    target: Annotated[
        Path | None, typer.Option(help="Faceset of the person who should be seen in it.")
    ] = None,
    baseline: Annotated[
        bool,
        typer.Option(
            "--baseline", help="Judge naive answers too: redrawn, unswapped, nearest crop."
        ),
    ] = False,
    frames: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"Most frames to judge. [default: {_FRAMES_RUN} of each identity, "
            f"{_FRAMES_FILE} of a video or of each person in a set]",
        ),
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(help="identity or lpips: fail when it cannot be measured."),
    ] = None,
    make_set: Annotated[
        Path | None,
        typer.Option(
            "--make-detector-set",
            help="Write real and swapped faces of the runs into this folder, to train a detector.",
        ),
    ] = None,
    test: Annotated[
        list[str] | None,
        typer.Option(help="Identity whose footage is the detector set's test part."),
    ] = None,
    detector: Annotated[str, typer.Option(help="Detector to use.")] = _EXTRACT.detector,
    landmarker: Annotated[str, typer.Option(help="Landmark net to use.")] = _EXTRACT.landmarker,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Say in numbers how good swaps are: of runs on held-out frames, or of a converted video.

    Faces are found anew in the output's pixels. Every number says which direction is good.
    """
    place = str(pick_device(device))
    wanted = _checked_requirements(require or [])
    if make_set is not None:
        _refuse(converted or source or target or faceset, "--make-detector-set takes runs alone.")
        _make_set(_named(runs), make_set, frames or _FRAMES_SET, test or [], place)
        return
    _refuse(test, "--test goes with --make-detector-set.")
    if converted is not None:
        _refuse(runs, "Runs and --converted cannot be judged at once.")
        files = _files(source, converted, faceset, target)
        finder = FaceFinder(detector, landmarker, place)
        evaluation = _of_file(files, finder, frames or _FRAMES_FILE, baseline, wanted)
    else:
        _refuse(source or target or faceset, "--source, --faceset and --target need --converted.")
        candidates = open_runs(_named(runs), place)
        finder = FaceFinder(detector, landmarker, place)
        evaluation = _of_runs(candidates, finder, frames or _FRAMES_RUN, baseline, wanted)
    write_report(evaluation, output)
    _show(evaluation)
    note(f"Report: {output / PAGE}, numbers: {output / METRICS_FILE}.")


def _refuse(given: object, message: str) -> None:
    if given:
        raise ConfigError(message, "See faceswap evaluate --help.")


def _named(runs: list[Path] | None) -> list[Path]:
    if not runs:
        raise ConfigError(
            "There is nothing to evaluate.",
            "Name one or more runs, or --converted OUT.mp4 --source IN.mp4.",
        )
    return runs


def _checked_requirements(names: list[str]) -> list[str]:
    for name in names:
        if name not in ("identity", "lpips"):
            raise ConfigError(f"--require {name} is unknown.", "Use identity or lpips.")
    return names


def _optional(
    name: str, metrics: tuple[str, ...], load: Callable[[], T], wanted: list[str]
) -> tuple[T | None, list[LeftOut]]:
    """Something that needs weights, or what is left out without it."""
    try:
        return load(), []
    except WeightsUnavailable as error:
        if name in wanted:
            raise
        reason = f"{error.message} {error.hint}".strip().rstrip(".")
        note(f"Without {name}: {error.message}")
        return None, [LeftOut(metrics, reason)]


def _files(
    source: Path | None, converted: Path, faceset: Path | None, target: Path | None
) -> Files:
    if source is None:
        raise ConfigError(
            "--converted is judged against its source, which is not named.",
            "Add --source with the video that was converted.",
        )
    opened = [Faceset.open(path) if path is not None else None for path in (faceset, target)]
    return Files(source, converted, *opened)


def _of_runs(
    candidates: list[Candidate],
    finder: FaceFinder,
    frames: int,
    baseline: bool,
    wanted: list[str],
) -> Evaluation:
    faces = shared_held_out(candidates, frames)
    recognizer, without = _optional("identity", IDENTITY, build_recognizer, wanted)
    lpips, without_lpips = _optional("lpips", ("lpips",), load_lpips, wanted)
    with progress_bar("evaluate", frames_to_judge(faces), "frames") as advance:
        found = evaluate_runs(
            candidates,
            faces,
            Judge(finder, recognizer),
            recognizer=recognizer,
            lpips=lpips,
            baseline=baseline,
            on_frames=advance,
        )
    about = {
        "runs": [
            {"name": c.name, "weights_sha256": c.loaded.digest, "step": c.loaded.meta.step}
            for c in candidates
        ],
        "footage": found.footage,
        "likeness_of_real_faces": found.likeness,
    }
    names = ", ".join(candidate.name for candidate in candidates)
    evaluation = Evaluation(
        f"Evaluation of {names}", about, found.comparisons, found.reconstructions
    )
    evaluation.notes = [f"{name}: {where}." for name, where in found.footage.items()]
    evaluation.notes += [
        f"Real held-out faces of {name} are {value:.2f} like the mean of {name}'s training faces: "
        "no swap can be expected to reach more."
        for name, value in found.likeness.items()
    ]
    evaluation.add_left_out([*without, *without_lpips])
    return evaluation


def _of_file(
    files: Files, finder: FaceFinder, frames: int, baseline: bool, wanted: list[str]
) -> Evaluation:
    recognizer, without = _optional("identity", IDENTITY, build_recognizer, wanted)
    with progress_bar("evaluate", probe(files.source).frames, "frames") as advance:
        found = evaluate_converted(
            files,
            finder,
            recognizer=recognizer,
            frames=frames,
            baseline=baseline,
            on_frames=advance,
        )
    about = {"source_file": str(files.source), "converted_file": str(files.output)}
    title = f"Evaluation of {files.output.name}"
    evaluation = Evaluation(title, about, [found.comparison], file=found.file)
    if files.target is None and recognizer is not None:
        reason = "nobody said whose face it should be; add --target FACESET"
        without = [LeftOut(("similarity_target", "retrieval"), reason)]
    evaluation.add_left_out(without)
    return evaluation


def _show(evaluation: Evaluation) -> None:
    for comparison in evaluation.comparisons:
        first = comparison.results[0]
        title = f"{first.direction} ({first.summary.frames} frames)"
        _show_table(title, *table(comparison.results))
    if evaluation.reconstructions:
        _show_table("held-out faces drawn as themselves", *reconstruction_table(evaluation))
    if evaluation.file:
        rows = [row[:3] for row in file_rows(evaluation)]
        _show_table("the file", ["metric", "value", "good is"], rows)
    for line in [*evaluation.notes, *lines(evaluation)]:
        note(line)


def _show_table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    shown = Table(title=title, title_justify="left")
    for number, name in enumerate(columns):
        shown.add_column(name, justify="left" if number == 0 else "right")
    for row in rows:
        shown.add_row(*row)
    show_table(shown)


def _make_set(paths: list[Path], folder: Path, frames: int, test: list[str], device: str) -> None:
    candidates = open_runs(paths, device)
    with progress_bar("detector set", None, "faces") as advance:
        made = make_detector_set(candidates, folder, frames, test, on_faces=advance)
    for line in made.describe():
        note(line)
