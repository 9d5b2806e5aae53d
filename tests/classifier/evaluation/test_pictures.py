from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifier.data import IGNORE_INDEX
from classifier.evaluation import charts
from classifier.evaluation.pictures import (
    as_picture,
    colour_labels,
    fit,
    overlay_heat,
    overlay_labels,
    palette,
    stretch,
    tile,
    write_labels,
)
from classifier.evaluation.scoring import ImageScores
from faceswap.core.charts import write_png_chart


def test_palette_colours_are_unique() -> None:
    assert len({tuple(colour) for colour in palette(60).tolist()}) == 60
    assert palette(3).tolist() == palette(30)[:3].tolist()


def test_overlays() -> None:
    image = np.full((4, 4, 3), 100, np.uint8)
    labels = np.array([[0, 1], [IGNORE_INDEX, 1]], np.uint8).repeat(2, 0).repeat(2, 1)
    shown = overlay_labels(image, labels, 2, strength=1.0)
    assert shown[0, 0].tolist() == palette(2)[0].tolist()
    assert shown[3, 3].tolist() == palette(2)[1].tolist()
    assert shown[3, 0].tolist() == [100, 100, 100]  # no overlay on ignored pixels
    assert colour_labels(labels, 2)[3, 0].tolist() == [128, 128, 128]
    heated = overlay_heat(image, np.array([[0.0, 1.0]]), strength=1.0)
    assert heated[0, 0, 2] > 100 > heated[0, 0, 0]  # blue for low values
    assert heated[0, 3, 0] > 100 > heated[0, 3, 2]


def test_fit_and_tile() -> None:
    small = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    enlarged = fit(small, 9)
    assert enlarged.shape == (8, 8, 3)
    assert (enlarged[:4, :4] == small[0, 0]).all()
    assert fit(np.zeros((100, 50, 3), np.uint8), 20).shape == (20, 10, 3)
    assert fit(np.zeros((15, 9, 3), np.uint8), 20).shape == (15, 9, 3)
    sheet = tile([np.zeros((3, 4, 3), np.uint8)] * 5, 3, gap=1)
    assert sheet.shape == (2 * 4 + 1, 3 * 5 + 1, 3)
    assert sheet[5, 11].tolist() == [255, 255, 255]  # the sixth cell is empty
    assert as_picture(np.zeros((1, 5, 6), np.uint8)).shape == (5, 6, 3)


def test_stretch() -> None:
    assert stretch(np.array([2.0, 4.0, 6.0])).tolist() == [0, 128, 255]
    assert stretch(np.array([-1.0, 0.0, 0.5]), symmetric=True).tolist() == [0, 128, 191]
    assert stretch(np.zeros(2)).tolist() == [0, 0]


def test_written_masks_keep_their_values(tmp_path: Path) -> None:
    labels = np.array([[0, 2], [1, IGNORE_INDEX]], np.uint8)
    write_labels(tmp_path / "mask.png", labels, 3)
    image = Image.open(tmp_path / "mask.png")
    assert np.array_equal(np.asarray(image), labels)
    assert np.asarray(image.convert("RGB"))[0, 1].tolist() == palette(3)[2].tolist()


@pytest.mark.parametrize("classes", [2, 7, 60])
def test_plots_of_few_and_many_classes(classes: int, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    raw = random.random((200, classes)).astype(np.float32)
    scores = ImageScores(raw / raw.sum(1, keepdims=True), random.integers(0, classes, 200))
    names = [f"class {number}" for number in range(classes)]
    confusion = charts.plot_confusion(scores.confusion(), names, "images")
    annotations = [text.get_text() for text in confusion.axes[0].texts]
    counts = [str(count) for count in scores.confusion().ravel()]
    assert annotations == (counts if classes <= 20 else [])
    curves = charts.plot_roc(scores, names).axes[0].get_lines()
    assert len(curves) == 1 + (1 if classes == 2 else min(classes, 12))
    assert len(charts.plot_reliability(scores.reliability()).axes) == 2
    points = random.random((200, 2))
    figure = charts.plot_map(points, scores.labels, names, scores.labels % 2 == 0)
    write_png_chart(tmp_path / "map.png", figure)
    assert Image.open(tmp_path / "map.png").size == (1350, 1125)
