from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., int | str | None]


def test_explain_writes_heat_map_filters_and_neighbours(
    classifier: Run,
    colour_run: Path,
    colours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    image, broken = colours / "blue" / "00.png", tmp_path / "broken.png"
    broken.write_bytes(b"")
    folder = tmp_path / "out"
    more = ("--data", colours, "--nearest", 3)
    assert classifier("explain", colour_run, image, broken, "-o", folder, *more) == 0
    output = capsys.readouterr().err
    assert "Grad-CAM" in output
    assert "Prediction: blue" in output
    assert f"Cannot read {broken}: an empty file" in output
    names = {path.name for path in folder.iterdir()}
    assert {"report.html", "filters.png", "00-blue.png", "00-features.0.png"} <= names
    assert np.asarray(Image.open(folder / "00-blue.png")).std() > 0
    page = (folder / "report.html").read_text(encoding="utf-8")
    captions = [part.split("</figcaption>")[0] for part in page.split("<figcaption>")[1:]]
    near = [caption for caption in captions if "cosine" in caption]
    assert len(near) == 3
    assert all(caption.startswith("blue") or "wrong.png" in caption for caption in near)
    assert not any(caption.endswith(" 00.png") and "blue" in caption for caption in near)


def test_class_and_layer_options(
    classifier: Run,
    colour_run: Path,
    colours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    image = colours / "blue" / "00.png"
    chosen = ("--class", "crème brûlée", "--layer", "features.3")
    assert classifier("explain", colour_run, image, "-o", tmp_path, *chosen) == 0
    assert (tmp_path / "00-crème-brûlée.png").is_file()
    assert (tmp_path / "00-features.3.png").is_file()
    for wrong, words in (
        (("--class", "blu"), "Did you mean 'blue'"),
        (("--layer", "features.99"), "no layer 'features.99'"),
        (("--layer", "head"), "Expected a layer with feature maps"),
    ):
        capsys.readouterr()
        assert classifier("explain", colour_run, image, "-o", tmp_path / "no", *wrong) == 2
        assert words in capsys.readouterr().err
    assert classifier("explain", colour_run, tmp_path / "none.png", "-o", tmp_path / "no") == 2


def test_network_without_feature_maps_shows_weights(
    classifier: Run,
    perceptron_model: Path,
    colours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    image = colours / "red" / "00.png"
    assert classifier("explain", perceptron_model, image, "-o", tmp_path, "--class", "red") == 0
    assert "Grad-CAM is not available" in capsys.readouterr().err
    assert Image.open(tmp_path / "weights.png").size == (3 * (128 + 2) + 2, 132)
    assert (tmp_path / "00-red.png").is_file()


def test_pixels(classifier: Run, square_run: Path, squares: Path, tmp_path: Path) -> None:
    image = squares / "images" / "b_01.png"
    assert classifier("explain", square_run, image, "-o", tmp_path, "--class", "square") == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Predicted class of each pixel" in page
    assert "Predicted pixels" in page
    assert (tmp_path / "b_01-square.png").is_file()
