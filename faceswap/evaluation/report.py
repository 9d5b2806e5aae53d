"""Writes an evaluation as ``metrics.json`` and as the page ``index.html``."""

from pathlib import Path
from tempfile import TemporaryDirectory

from faceswap.core.files import write_json
from faceswap.core.fonts import numbered_names
from faceswap.core.page import Page
from faceswap.evaluation.comparison import Comparison, Result
from faceswap.evaluation.evaluation import Evaluation, as_json, describe_skipped
from faceswap.evaluation.metric import FILE_METRICS, METRICS, RECONSTRUCTION_METRICS
from faceswap.evaluation.pictures import examples, plot_figures, write_clip
from faceswap.provenance.identity import SigningIdentity, open_identity

METRICS_FILE, PAGE = "metrics.json", "index.html"


def write_report(
    evaluation: Evaluation, folder: Path, identity: SigningIdentity | None = None
) -> None:
    """Write both files; plots, pictures and signed clips are embedded in the page.

    Args:
        evaluation: Results.
        folder: Output folder.
        identity: Signing identity of the clips; None for the local identity.

    Raises:
        ProvenanceError: Nothing can be signed.
        StorageFullError: The disk is full.
    """
    identity = identity or open_identity()
    write_json(folder / METRICS_FILE, as_json(evaluation))
    page = Page(evaluation.title)
    page.section("", *evaluation.notes, *describe_skipped(evaluation))
    for comparison in evaluation.comparisons:
        _add_comparison(page, comparison, identity)
    _add_reconstructions(page, evaluation)
    _add_file(page, evaluation)
    page.write(folder / PAGE)


def comparison_table(results: list[Result]) -> tuple[list[str], list[list[str]]]:
    """Results side by side: column titles, and a row for each metric of swapped frames."""
    columns = ["metric", *(result.method for result in results), "better"]
    rows = []
    for metric in METRICS.values():
        values = [result.summary.values.get(metric.name) for result in results]
        if any(value is not None for value in values):
            title = f"{metric.title} [{metric.unit}]" if metric.unit else metric.title
            better = metric.direction.removesuffix(" is better").removesuffix(" is best")
            rows.append([title, *(metric.format(value) for value in values), better])
    return columns, rows


def reconstruction_table(evaluation: Evaluation) -> tuple[list[str], list[list[str]]]:
    """Column titles, and a row for each run and identity."""
    names = [
        name
        for name in RECONSTRUCTION_METRICS
        if any(name in item.values for item in evaluation.reconstructions)
    ]
    columns = ["run", "identity", "faces", *(METRICS[name].title for name in names)]
    rows = [
        [
            item.run,
            item.identity,
            str(item.faces),
            *(METRICS[name].format(item.values.get(name)) for name in names),
        ]
        for item in evaluation.reconstructions
    ]
    return columns, rows


def _add_comparison(page: Page, comparison: Comparison, identity: SigningIdentity) -> None:
    results = comparison.results
    section = page.section(
        results[0].direction,
        f"{results[0].summary.frames} frames. All faces except those of the source are synthetic.",
    )
    columns, rows = comparison_table(results)
    by_title = {metric.title: metric.meaning for metric in METRICS.values()}
    section.columns = [*columns, "meaning"]
    section.rows = [[*row, by_title[row[0].partition(" [")[0]]] for row in rows]
    if legend := numbered_names([result.method for result in results]):
        section.paragraphs.append(f"In the pictures: {', '.join(legend)}.")
    for caption, row in examples(comparison):
        section.add_picture(row, caption)
    for caption, figure in plot_figures(comparison):
        section.add_plot(figure, caption)
    with TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        count = write_clip(comparison, clip, identity)
        section.add_video(clip, f"Side by side: {count} of the evaluated frames, slowed down.")


def _add_reconstructions(page: Page, evaluation: Evaluation) -> None:
    if not evaluation.reconstructions:
        return
    columns, rows = reconstruction_table(evaluation)
    meanings = [
        f"{METRICS[name].title}: {METRICS[name].meaning}" for name in RECONSTRUCTION_METRICS
    ]
    section = page.section("Reconstruction of held-out faces", *meanings)
    section.columns, section.rows = columns, rows


def _add_file(page: Page, evaluation: Evaluation) -> None:
    if not evaluation.file:
        return
    section = page.section("File")
    section.columns = ["metric", "value", "better", "meaning"]
    section.rows = file_rows(evaluation)


def file_rows(evaluation: Evaluation) -> list[list[str]]:
    """A row for each file metric: title, value, direction, meaning."""
    return [
        [
            METRICS[name].title,
            f"{METRICS[name].format(evaluation.file[name])} {METRICS[name].unit}".rstrip(),
            METRICS[name].direction.removesuffix(" is better").removesuffix(" is best"),
            METRICS[name].meaning,
        ]
        for name in FILE_METRICS
        if name in evaluation.file
    ]
