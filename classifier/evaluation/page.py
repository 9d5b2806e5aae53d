"""The page about an evaluation: numbers, plots, and the worst mistakes as pictures."""

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
    each_class,
    headlines,
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
    facts: Sequence[str],
    result: Evaluation,
    numbers: Mapping[str, Estimate],
    reader: SampleReader,
) -> None:
    """Writes the page.

    Args:
        path: The HTML file.
        title: Its heading.
        facts: Sentences about what was evaluated on what.
        result: The predictions.
        numbers: All numbers with their intervals.
        reader: Reads the pictures again that are shown.
    """
    page = Page(title)
    _numbers(page.section("", *facts), result, numbers)
    classes = reader.loaded.classes
    each = page.section("Each class")
    each.columns, each.rows = each_class(result, numbers, classes)
    if isinstance(result, ImageEvaluation):
        _image_sections(page, result, classes)
        _mistakes(page, result, reader)
    else:
        _pixel_sections(page, result, numbers, classes)
        _extremes(page, result, reader)
    page.write(path)


def _numbers(section: Section, result: Evaluation, numbers: Mapping[str, Estimate]) -> None:
    section.columns = ("", "value", "95 % interval", "better")
    section.rows = [
        (
            title,
            round(numbers[name].value, 4),
            numbers[name].interval(),
            "lower" if name in LOWER_IS_BETTER else "higher",
        )
        for name, title in headlines(result).items()
    ]


def _image_sections(page: Page, result: ImageEvaluation, classes: Sequence[str]) -> None:
    scores = result.scores
    plots = page.section("Which is taken for which, and how sure the network is")
    plots.add_plot(
        charts.plot_confusion(scores.confusion(), classes, "images"), "Confusion matrix, in images"
    )
    plots.add_plot(
        charts.plot_reliability(scores.reliability()),
        "Reliability: below the dotted line the network is surer than it may be",
    )
    plots.add_plot(charts.plot_roc(scores, classes), "One class against the rest")


def _mistakes(page: Page, result: ImageEvaluation, reader: SampleReader) -> None:
    wrong = result.mistakes(_MOST_SHOWN)
    total = int((result.scores.correct == 0).sum())
    section = page.section(
        "Worst mistakes",
        f"{total} of {len(result.samples)} images are called wrongly"
        + (f"; the {len(wrong)} of which the network was surest:" if wrong else "."),
    )
    for position in wrong:
        sample = result.samples[position]
        label, called = result.scores.labels[position], result.scores.predicted[position]
        classes = reader.loaded.classes
        own = result.scores.probabilities[position, label]
        section.add_picture(
            show_sample(sample, reader, _SIDE),
            f"{classes[called]} ({100 * result.scores.confidence[position]:.1f} %) instead of "
            f"{classes[label]} ({100 * own:.1f} %): {sample_name(sample)}",
        )


def sample_name(sample: Sample) -> str:
    """A short name for a caption."""
    return sample.path.name if sample.index is None else f"{sample.path.name}#{sample.index}"


def show_sample(sample: Sample, reader: SampleReader, side: int) -> NDArray[np.uint8]:
    """The image itself, whole; what the network sees of it may be too small for a person."""
    if sample.index is None:
        with suppress(UnreadableImage):  # gone since it was evaluated: read as then, or an error
            height, width = upright_size(sample.path)
            scale = min(1.0, side / max(height, width))
            sides = (max(1, round(scale * height)), max(1, round(scale * width)))
            return fit(as_picture(read_image(sample.path, sides, 3, "pixels")), side)
    return fit(as_picture(reader.read([sample]).images[0]), side)


def _pixel_sections(
    page: Page, result: PixelEvaluation, numbers: Mapping[str, Estimate], classes: Sequence[str]
) -> None:
    confusion = result.scores.confusion()
    plots = page.section("Which is taken for which")
    plots.add_plot(
        charts.plot_confusion(confusion, classes, "pixels"),
        "Confusion matrix, in per cent of the true class's pixels",
    )
    shown = list(enumerate(classes))[:_MOST_BARS]
    bars = {
        name: (100 * number.value, 100 * number.low, 100 * number.high)
        for label, name in shown
        for number in (numbers[f"iou/{label}"],)
    }
    plots.add_plot(charts.plot_bars(bars, "IoU in per cent"), "IoU of each class with its interval")


def _extremes(page: Page, result: PixelEvaluation, reader: SampleReader, most: int = 6) -> None:
    order = result.ranked()
    values = result.scores.by_image()
    classes = reader.loaded.classes
    most = min(most, -(-len(order) // 2))
    worst, best = order[:most], order[most:][::-1][: most // 2]
    legend = page.section(
        "Images",
        "From left to right: image, truth, prediction, and in colour "
        "what is wrong. Grey counts for nothing.",
    )
    for colour, name in zip(palette(len(classes)), classes, strict=True):
        legend.add_picture(np.full((18, 60, 3), colour, np.uint8), name)
    for heading, chosen in (("Worst", worst), ("Best", best)):
        section = page.section(heading)
        for position in chosen:
            sample = result.samples[position]
            image, truth, predicted = _predicted(sample, reader)
            four = (
                image,
                overlay_labels(image, truth, len(classes)),
                overlay_labels(image, predicted, len(classes)),
                _wrong(image, truth, predicted, len(classes)),
            )
            caption = f"{sample_name(sample)}: mean IoU {values[position]:.3f}"
            section.add_picture(tile([fit(one, _SIDE) for one in four], 4), caption)


def _predicted(
    sample: Sample, reader: SampleReader
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    data = reader.read([sample])
    device = next(reader.loaded.module.parameters()).device
    with torch.inference_mode():
        probabilities = next(predict_images(reader.loaded, data.images, 1, device))[0]
    truth = data.labels[0]
    assert isinstance(truth, np.ndarray)
    return as_picture(data.images[0]), truth, probabilities.argmax(0).astype(np.uint8)


def _wrong(
    image: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    predicted: NDArray[np.uint8],
    classes: int,
) -> NDArray[np.uint8]:
    """The image, dark, with the prediction's colours where it is wrong."""
    mistaken = ((truth != predicted) & (truth != IGNORE_INDEX))[..., None]
    return np.where(mistaken, colour_labels(predicted, classes), image // 3).astype(np.uint8)
