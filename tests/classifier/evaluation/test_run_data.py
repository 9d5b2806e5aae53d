from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifier.data import IGNORE_INDEX, Dataset, open_dataset
from classifier.evaluation.run_data import RunRecord, know_data, read_run
from classifier.evaluation.sample_reader import SampleReader, read_side
from classifier.models import build_network
from classifier.models.model_file import LoadedClassifier, load_model
from classifier.training.settings import Settings
from faceswap.core.errors import ConfigError, MediaError


def test_the_record_is_found_from_the_model_too(colour_run: Path, perceptron_model: Path) -> None:
    record = read_run(colour_run)
    assert record is not None
    assert record == read_run(colour_run / "model")
    assert read_run(perceptron_model) is None


def test_a_run_with_settings_that_are_no_more(tmp_path: Path) -> None:
    text = (
        "seed: 3\noptimizer: {gone: 1}\ndata: {group: '^(\\w+)_', validation: 0.3, classes: null}\n"
    )
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "manifest.json").write_text('{"data": "/x", "data_sha256": "y"}', encoding="utf-8")
    record = read_run(tmp_path)
    assert record is not None
    assert (record.settings.seed, record.settings.data.validation) == (3, 0.3)
    assert record.settings.data.group == r"^(\w+)_"
    assert record.data == Path("/x")
    (tmp_path / "manifest.json").write_text('{"data": ', encoding="utf-8")
    with pytest.raises(ConfigError, match="not the manifest of a run"):
        read_run(tmp_path)


def test_data_that_moved_are_still_the_runs(
    colour_run: Path, colours: Path, tmp_path: Path
) -> None:
    loaded, record = load_model(colour_run), read_run(colour_run)
    moved = tmp_path / "moved"
    moved.symlink_to(colours)
    known = know_data(moved, loaded, record)
    assert known.same
    assert len(known.trained) == 36
    assert known.choose(None)[0] == "validation"
    assert not known.trained & {sample.name for sample in known.choose(None)[1]}
    assert len(known.choose("all")[1]) == 45


def test_parts_of_the_folder_itself(tmp_path: Path, perceptron_model: Path) -> None:
    for split, count in (("train", 3), ("val", 2), ("test", 1)):
        for name in ("blue", "red"):
            (tmp_path / split / name).mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (8, 8 + number)).save(tmp_path / split / name / f"{number}.png")
    known = know_data(tmp_path, load_model(perceptron_model), None)
    assert {split: len(samples) for split, samples in known.dataset.splits.items()} == {
        "train": 6,
        "validation": 4,
        "test": 2,
    }
    assert known.choose(None)[0] == "test"
    assert set(known.split_of().values()) == {"train", "validation", "test"}
    with pytest.raises(MediaError, match="no split 'rest'"):
        known.choose("rest")


def test_a_run_that_crops_reads_larger_images(colour_run: Path) -> None:
    loaded = load_model(colour_run)
    assert read_side(loaded, None) == (32, 32)
    crops = Settings.model_validate({"augment": {"crop": 0.5}})
    assert read_side(loaded, RunRecord(crops, Path(), "")) == (37, 37)


def pixel_classifier(classes: tuple[str, ...]) -> LoadedClassifier:
    built = build_network("fcdensenet56", len(classes), {"growth": 1}, 32)
    return LoadedClassifier(built, classes, "", "fcdensenet56", {}, (40, 48))


def test_classes_of_masks_in_another_order(squares: Path) -> None:
    dataset = open_dataset(squares)
    network = pixel_classifier(("square", "sky", "ground"))
    plain = SampleReader(pixel_classifier(("ground", "square")), dataset, None)
    turned = SampleReader(network, dataset, None)
    before, after = (reader.read(dataset.samples[:3]).labels for reader in (plain, turned))
    assert np.array_equal(after, np.where(before == 1, 0, 2))
    with pytest.raises(MediaError, match="does not know: ground"):
        SampleReader(pixel_classifier(("square", "sky")), dataset, None)


def test_pixels_without_a_class_keep_having_none(squares: Path) -> None:
    dataset: Dataset = open_dataset(squares)
    unmasked = replace(dataset.samples[0], mask=None)
    reader = SampleReader(pixel_classifier(("square", "ground")), dataset, None)
    assert (reader.read([unmasked]).labels == IGNORE_INDEX).all()


def test_chunks_cover_all(squares: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("classifier.evaluation.sample_reader._CHUNK_BYTES", 5 * 3 * 40 * 48)
    dataset = open_dataset(squares)
    reader = SampleReader(pixel_classifier(("ground", "square")), dataset, None)
    lengths = [len(data) for data in reader.chunks(dataset.samples)]
    assert lengths == [5, 5, 5, 1]
