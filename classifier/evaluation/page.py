"""HTML report of an evaluation: metrics, plots, and the worst predictions as pictures."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from classifier.data import IGNORE_INDEX, Sample
from classifier.data.images import UnreadableImage, read_image, upright_size
from classifier.evaluation import charts
from classifier.evaluation.bootstrap import Estimate
from classifier.evaluation.measure import (
    Evaluation,
    ImageEvaluation,
    PixelEvaluation,
    class_table,
    headline_titles,
)
from classifier.evaluation.pictures import (
    as_picture,
    colour_labels,
    fit,
    overlay_labels,
    palette,
    tile,
)
from classifier.evaluation.sample_reader import SampleReader
from classifier.evaluation.scoring import LOWER_IS_BETTER
from classifier.models.inference import predict_images
from faceswap.core.page import Page, Section

_SIDE = 240
_MOST_SHOWN = 24
_MOST_BARS = 40


def write_page(
    path: Path,
    title: str,
    notes: Sequence[str],
    result: Evaluation,
    metrics: Mapping[str, Estimate],
    reader: SampleReader,
) -> None:
    """Write the report.

    Args:
        path: HTML file.
        title: Title of the page.
        notes: Sentences about the network and the data.
        result: Evaluation.
        metrics: Metrics with their intervals.
        reader: Reader of the samples, to show images.
    """
    page = Page(title)
    _add_metrics(page.section("", *notes), result, metrics)
    classes = reader.loaded.classes
    table = page.section("Classes")
    table.columns, table.rows = class_table(result, metrics, classes)
    if isinstance(result, ImageEvaluation):
        _add_image_plots(page, result, classes)
        _add_mistakes(page, result, reader)
    else:
        _add_pixel_plots(page, result, metrics, classes)
        _add_extremes(page, result, reader)
    page.write(path)


def _add_metrics(section: Section, result: Evaluation, metrics: Mapping[str, Estimate]) -> None:
    section.columns = ("metric", "value", "95 % interval", "better")
    section.rows = [
        (
            title,
            round(metrics[name].value, 4),
            metrics[name].interval(),
            "lower" if name in LOWER_IS_BETTER else "higher",
        )
        for name, title in headline_titles(result).items()
    ]


def _add_image_plots(page: Page, result: ImageEvaluation, classes: Sequence[str]) -> None:
    scores = result.scores
    plots = page.section("Confusion, calibration and ROC")
    plots.add_plot(
        charts.plot_confusion(scores.confusion(), classes, "images"), "Confusion matrix (images)"
    )
    plots.add_plot(
        charts.plot_reliability(scores.reliability()),
        "Reliability diagram: below the dotted line the network is overconfident",
    )
    plots.add_plot(charts.plot_roc(scores, classes), "ROC curves, one class against the rest")


def _add_mistakes(page: Page, result: ImageEvaluation, reader: SampleReader) -> None:
    wrong = result.mistakes(_MOST_SHOWN)
    total = int((result.scores.correct == 0).sum())
    section = page.section(
        "Misclassified images",
        f"{total} of {len(result.samples)} images are misclassified"
        + (f"; the {len(wrong)} with the highest confidence:" if wrong else "."),
    )
    for position in wrong:
        sample = result.samples[position]
        label, predicted = result.scores.labels[position], result.scores.predicted[position]
        classes = reader.loaded.classes
        own = result.scores.probabilities[position, label]
        section.add_picture(
            show_sample(sample, reader, _SIDE),
            f"{classes[predicted]} ({100 * result.scores.confidence[position]:.1f} %) instead of "
            f"{classes[label]} ({100 * own:.1f} %): {sample_name(sample)}",
        )


def sample_name(sample: Sample) -> str:
    """Short name of a sample for a caption."""
    return sample.path.name if sample.index is None else f"{sample.path.name}#{sample.index}"


def show_sample(sample: Sample, reader: SampleReader, side: int) -> NDArray[np.uint8]:
    """Read the whole image of a sample for display; the network's input may be too small.

    Args:
        sample: Sample to show.
        reader: Reader of the sample.
        side: Approximate longer side of the picture in pixels.
    """
    if sample.index is None:
        with suppress(UnreadableImage):  # removed since the evaluation: the reader reports it
            height, width = upright_size(sample.path)
            scale = min(1.0, side / max(height, width))
            sides = (max(1, round(scale * height)), max(1, round(scale * width)))
            return fit(as_picture(read_image(sample.path, sides, 3, "pixels")), side)
    return fit(as_picture(reader.read([sample]).images[0]), side)


def _add_pixel_plots(
    page: Page, result: PixelEvaluation, metrics: Mapping[str, Estimate], classes: Sequence[str]
) -> None:
    confusion = result.scores.confusion()
    plots = page.section("Confusion and IoU")
    plots.add_plot(
        charts.plot_confusion(confusion, classes, "pixels"),
        "Confusion matrix (per cent of the true class's pixels)",
    )
    shown = list(enumerate(classes))[:_MOST_BARS]
    bars = {
        name: (100 * iou.value, 100 * iou.low, 100 * iou.high)
        for label, name in shown
        for iou in (metrics[f"iou/{label}"],)
    }
    plots.add_plot(charts.plot_bars(bars, "IoU (%)"), "IoU by class with 95 % intervals")


def _add_extremes(page: Page, result: PixelEvaluation, reader: SampleReader, most: int = 6) -> None:
    order = result.ranked()
    values = result.scores.by_image()
    classes = reader.loaded.classes
    most = min(most, -(-len(order) // 2))
    worst, best = order[:most], order[most:][::-1][: most // 2]
    legend = page.section(
        "Images",
        "From left to right: image, truth, prediction, and wrongly predicted pixels in the colour "
        "of their predicted class. Grey pixels of the truth are unlabelled and not evaluated.",
    )
    for colour, name in zip(palette(len(classes)), classes, strict=True):
        legend.add_picture(np.full((18, 60, 3), colour, np.uint8), name)
    for heading, chosen in (("Worst", worst), ("Best", best)):
        section = page.section(heading)
        for position in chosen:
            sample = result.samples[position]
            image, truth, predicted = _predict(sample, reader)
            four = (
                image,
                overlay_labels(image, truth, len(classes)),
                overlay_labels(image, predicted, len(classes)),
                _errors(image, truth, predicted, len(classes)),
            )
            caption = f"{sample_name(sample)}: mean IoU {values[position]:.3f}"
            section.add_picture(tile([fit(one, _SIDE) for one in four], 4), caption)


def _predict(
    sample: Sample, reader: SampleReader
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    data = reader.read([sample])
    device = next(reader.loaded.module.parameters()).device
    with torch.inference_mode():
        probabilities = next(predict_images(reader.loaded, data.images, 1, device))[0]
    truth = data.labels[0]
    assert isinstance(truth, np.ndarray)
    return as_picture(data.images[0]), truth, probabilities.argmax(0).astype(np.uint8)


def _errors(
    image: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    predicted: NDArray[np.uint8],
    classes: int,
) -> NDArray[np.uint8]:
    """Darkened image with wrongly predicted pixels in the colour of their predicted class."""
    wrong = ((truth != predicted) & (truth != IGNORE_INDEX))[..., None]
    return np.where(wrong, colour_labels(predicted, classes), image // 3).astype(np.uint8)
