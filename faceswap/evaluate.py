"""The verb ``faceswap evaluate``: measures the quality of swaps."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from faceswap import evaluate_options as options
from faceswap.core.console import TextTable, note, progress_bar, show_table
from faceswap.core.device import pick_device
from faceswap.core.errors import ConfigError, WeightsUnavailable
from faceswap.core.outputs import claim_folder
from faceswap.evaluation.candidates import Candidate, common_held_out, open_runs
from faceswap.evaluation.converted import ConvertedInputs, evaluate_converted
from faceswap.evaluation.detector_set import make_detector_set
from faceswap.evaluation.evaluation import (
    IDENTITY_METRICS,
    Evaluation,
    SkippedMetrics,
    describe_metrics,
)
from faceswap.evaluation.face_finder import FaceFinder
from faceswap.evaluation.frame_scoring import FrameScorer
from faceswap.evaluation.judge import describe_bias
from faceswap.evaluation.report import (
    METRICS_FILE,
    PAGE,
    comparison_table,
    file_rows,
    is_own,
    reconstruction_table,
    write_report,
)
from faceswap.evaluation.runs import count_frames, evaluate_runs
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.named import parse_faces
from faceswap.media.video import probe
from faceswap.provenance.identity import open_identity
from faceswap.recognizers import Recognizer, build_recognizer
from faceswap.training.losses.lpips import load_lpips

_EXTRACT = ExtractSettings()
T = TypeVar("T")


def evaluate(
    runs: options.Runs = None,
    output: options.Output = Path("evaluation"),
    converted: options.Converted = None,
    source: options.SourceVideo = None,
    faceset: options.SourceFaceset = None,
    target: options.TargetFaceset = None,
    faces: options.MovedFaces = None,
    baseline: options.Baseline = False,
    frames: options.Frames = None,
    require: options.Require = None,
    make_set: options.DetectorSet = None,
    test: options.Test = None,
    detector: options.DetectorName = _EXTRACT.detector,
    landmarker: options.LandmarkerName = _EXTRACT.landmarker,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
) -> None:
    """Measure the quality of swaps: of runs on held-out frames, or of a converted video.

    Faces are detected and measured in the pixels of the output. Every metric is reported with the
    direction of better values. An earlier evaluation in the output folder is replaced, other files
    are not.
    """
    device_name = str(pick_device(device))
    required = _checked_requirements(require or [])
    identity = open_identity()  # first: everything synthetic is signed
    if make_set is not None:
        _reject(converted or source or target or faceset, "--make-detector-set takes runs only.")
        candidates = open_runs(_run_paths(runs), device_name, parse_faces(faces))
        _make_set(candidates, make_set, frames or options.FRAMES_OF_SET, test or [])
        return
    _reject(test, "--test needs --make-detector-set.")
    files, work = (METRICS_FILE, PAGE), "the evaluation"
    with claim_folder(output, files, work, overwrite=overwrite, is_own=is_own):
        finder = FaceFinder(detector, landmarker, device_name)
        if converted is not None:
            _reject(runs, "Runs and --converted cannot be combined.")
            _reject(faces, "--faces is for runs; use --faceset and --target.")
            inputs = _converted_inputs(source, converted, faceset, target)
            frames = frames or options.FRAMES_OF_VIDEO
            evaluation = _evaluate_video(inputs, finder, frames, baseline, required)
        else:
            _reject(source or target or faceset, "--source, --faceset, --target need --converted.")
            candidates = open_runs(_run_paths(runs), device_name, parse_faces(faces))
            frames = frames or options.FRAMES_OF_RUNS
            evaluation = _evaluate_runs(candidates, finder, frames, baseline, required)
        write_report(evaluation, output, identity)
    _show(evaluation)
    note(f"Report: {output / PAGE}. Metrics: {output / METRICS_FILE}.")


def _reject(given: object, message: str) -> None:
    if given:
        raise ConfigError(message, "See faceswap evaluate --help.")


def _run_paths(runs: list[Path] | None) -> list[Path]:
    if not runs:
        raise ConfigError(
            "Nothing to evaluate.",
            "Give one or more runs, or --converted OUT.mp4 --source IN.mp4.",
        )
    return runs


def _checked_requirements(names: list[str]) -> list[str]:
    for name in names:
        if name not in ("identity", "lpips"):
            raise ConfigError(f"Unknown value {name!r} of --require.", "Use identity or lpips.")
    return names


def _optional(
    name: str, metrics: tuple[str, ...], load: Callable[[], T], required: list[str]
) -> tuple[T | None, list[SkippedMetrics]]:
    """Load a network, or report the metrics skipped without its weights."""
    try:
        return load(), []
    except WeightsUnavailable as error:
        if name in required:
            raise
        reason = f"{error.message} {error.hint}".strip().rstrip(".")
        note(f"Skipping {name}: {error.message}")
        return None, [SkippedMetrics(metrics, reason)]


def _converted_inputs(
    source: Path | None, converted: Path, faceset: Path | None, target: Path | None
) -> ConvertedInputs:
    if source is None:
        raise ConfigError(
            "--converted needs --source.",
            "Add --source with the video that was converted.",
        )
    opened = [Faceset.open(path) if path is not None else None for path in (faceset, target)]
    return ConvertedInputs(source, converted, *opened)


def _evaluate_runs(
    candidates: list[Candidate],
    finder: FaceFinder,
    frames: int,
    baseline: bool,
    required: list[str],
) -> Evaluation:
    faces = common_held_out(candidates, frames)
    bias = describe_bias(candidates)
    recognizer, skipped = _open_judge(bias, required)
    lpips, skipped_lpips = _optional("lpips", ("lpips",), load_lpips, required)
    with progress_bar("evaluate", count_frames(faces), "frames") as advance:
        found = evaluate_runs(
            candidates,
            faces,
            FrameScorer(finder, recognizer),
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
        "real_face_similarity": found.real_similarity,
    }
    names = ", ".join(candidate.name for candidate in candidates)
    evaluation = Evaluation(
        f"Evaluation of {names}", about, found.comparisons, found.reconstructions
    )
    evaluation.notes = [f"{name}: {where}." for name, where in found.footage.items()]
    evaluation.notes += [
        f"The real held-out faces of {name} have a similarity of {value:.2f} to {name}'s training "
        "faces: the upper bound for a swap."
        for name, value in found.real_similarity.items()
    ]
    evaluation.notes += [f"{bias}."] * bool(bias and recognizer)
    evaluation.add_skipped([*skipped, *skipped_lpips])
    return evaluation


def _open_judge(bias: str, required: list[str]) -> tuple[Recognizer | None, list[SkippedMetrics]]:
    """The recognition network, and what is skipped without it."""
    if bias and "identity" not in required:
        note(f"Skipping identity: {bias}.")
        hint = "--require identity measures them all the same"
        return None, [SkippedMetrics(IDENTITY_METRICS, f"{bias}; {hint}")]
    return _optional("identity", IDENTITY_METRICS, build_recognizer, required)


def _evaluate_video(
    inputs: ConvertedInputs, finder: FaceFinder, frames: int, baseline: bool, required: list[str]
) -> Evaluation:
    recognizer, skipped = _optional("identity", IDENTITY_METRICS, build_recognizer, required)
    with progress_bar("evaluate", probe(inputs.source).frames, "frames") as advance:
        found = evaluate_converted(
            inputs,
            finder,
            recognizer=recognizer,
            frames=frames,
            baseline=baseline,
            on_frames=advance,
        )
    about: dict[str, Any] = {
        "source_file": str(inputs.source),
        "converted_file": str(inputs.output),
    }
    title = f"Evaluation of {inputs.output.name}"
    if found.ranges is not None:
        about |= {"swapped": found.ranges.stated()}
    evaluation = Evaluation(title, about, [found.comparison], file=found.file, notes=found.notes)
    if inputs.target is None:
        names = ("similarity_target", "retrieval", "sharpness")
        unnamed = names if recognizer is not None else names[-1:]
        reason = "the target is unknown; add --target FACESET"
        skipped = [*skipped, SkippedMetrics(unnamed, reason)]
    evaluation.add_skipped([*skipped, *found.skipped])
    return evaluation


def _show(evaluation: Evaluation) -> None:
    for comparison in evaluation.comparisons:
        first = comparison.results[0]
        title = f"{first.direction} ({first.summary.frames} frames)"
        _show_table(title, *comparison_table(comparison.results))
    if evaluation.reconstructions:
        _show_table("reconstruction of held-out faces", *reconstruction_table(evaluation))
    if evaluation.file:
        rows = [row[:3] for row in file_rows(evaluation)]
        _show_table("file", ["metric", "value", "better"], rows)
    for line in [*evaluation.notes, *describe_metrics(evaluation)]:
        note(line)


def _show_table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    rendered = TextTable(title=title)
    for number, name in enumerate(columns):
        rendered.add_column(name, justify="left" if number == 0 else "right")
    for row in rows:
        rendered.add_row(*row)
    show_table(rendered)


def _make_set(candidates: list[Candidate], folder: Path, frames: int, test: list[str]) -> None:
    with progress_bar("detector set", None, "faces") as advance:
        detector_set = make_detector_set(candidates, folder, frames, test, on_faces=advance)
    for line in detector_set.describe():
        note(line)
