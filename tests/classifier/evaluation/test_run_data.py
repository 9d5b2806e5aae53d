from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifier.data import IGNORE_INDEX, Dataset, open_dataset
from classifier.evaluation.run_data import RunRecord, open_evaluation_data, read_run
from classifier.evaluation.sample_reader import SampleReader, read_side
from classifier.models import build_network
from classifier.models.model_file import LoadedClassifier, ModelMeta, load_model
from classifier.training.settings import Settings
from faceswap.core.errors import ConfigError, MediaError, TrainingError
from faceswap.core.run_manifest import MANIFEST


def test_run_record_from_run_or_model_folder(colour_run: Path, perceptron_model: Path) -> None:
    record = read_run(colour_run)
    assert record is not None
    assert record == read_run(colour_run / "model")
    assert read_run(perceptron_model) is None


def test_run_record_ignores_unknown_settings(tmp_path: Path) -> None:
    text = (
        "seed: 3\noptimizer: {gone: 1}\ndata: {group: '^(\\w+)_', validation: 0.3, classes: null}\n"
    )
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    data = {"images": [{"path": "/x", "sha256": "a" * 64}]}
    MANIFEST.write(tmp_path / "manifest.json", {"data": data, "starts": []})
    record = read_run(tmp_path)
    assert record is not None
    assert (record.settings.seed, record.settings.data.validation) == (3, 0.3)
    assert record.settings.data.group == r"^(\w+)_"
    assert record.data == Path("/x")
    (tmp_path / "manifest.json").write_text('{"data": ', encoding="utf-8")
    with pytest.raises(TrainingError, match="not valid JSON"):
        read_run(tmp_path)
    MANIFEST.write(tmp_path / "manifest.json", {"data": {"alice": []}, "starts": []})
    with pytest.raises(ConfigError, match="not the manifest of a classifier"):
        read_run(tmp_path)


def test_moved_data_are_recognised_as_the_runs_own(
    colour_run: Path, colours: Path, tmp_path: Path
) -> None:
    loaded, record = load_model(colour_run), read_run(colour_run)
    moved = tmp_path / "moved"
    moved.symlink_to(colours)
    data = open_evaluation_data(moved, loaded, record)
    assert data.from_run
    assert len(data.train_names) == 36
    assert data.select(None)[0] == "validation"
    assert not data.train_names & {sample.name for sample in data.select(None)[1]}
    assert len(data.select("all")[1]) == 45


def test_splits_of_the_folder_itself(tmp_path: Path, perceptron_model: Path) -> None:
    for split, count in (("train", 3), ("val", 2), ("test", 1)):
        for name in ("blue", "red"):
            (tmp_path / split / name).mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (8, 8 + number)).save(tmp_path / split / name / f"{number}.png")
    data = open_evaluation_data(tmp_path, load_model(perceptron_model), None)
    assert {split: len(samples) for split, samples in data.dataset.splits.items()} == {
        "train": 6,
        "validation": 4,
        "test": 2,
    }
    assert data.select(None)[0] == "test"
    assert set(data.split_of().values()) == {"train", "validation", "test"}
    with pytest.raises(MediaError, match="no split 'rest'"):
        data.select("rest")


def test_random_crops_need_larger_images(colour_run: Path) -> None:
    loaded = load_model(colour_run)
    assert read_side(loaded, None) == (32, 32)
    crops = Settings.model_validate({"augment": {"crop": 0.5}})
    assert read_side(loaded, RunRecord(crops, Path(), "")) == (37, 37)


def pixel_classifier(classes: tuple[str, ...]) -> LoadedClassifier:
    built = build_network("fcdensenet56", len(classes), {"growth": 1}, 32)
    return LoadedClassifier(built, ModelMeta("fcdensenet56", {}, 32, classes, (40, 48)), "")


def test_masks_are_relabelled_to_the_networks_class_order(squares: Path) -> None:
    dataset = open_dataset(squares)
    network = pixel_classifier(("square", "sky", "ground"))
    plain = SampleReader(pixel_classifier(("ground", "square")), dataset, None)
    turned = SampleReader(network, dataset, None)
    before, after = (reader.read(dataset.samples[:3]).labels for reader in (plain, turned))
    assert np.array_equal(after, np.where(before == 1, 0, 2))
    with pytest.raises(MediaError, match="not classes of the network: ground"):
        SampleReader(pixel_classifier(("square", "sky")), dataset, None)


def test_unlabelled_pixels_keep_the_ignore_index(squares: Path) -> None:
    dataset: Dataset = open_dataset(squares)
    unmasked = replace(dataset.samples[0], mask=None)
    reader = SampleReader(pixel_classifier(("square", "ground")), dataset, None)
    assert (reader.read([unmasked]).labels == IGNORE_INDEX).all()


def test_chunks_cover_all_samples(squares: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("classifier.evaluation.sample_reader._CHUNK_BYTES", 5 * 3 * 40 * 48)
    dataset = open_dataset(squares)
    reader = SampleReader(pixel_classifier(("ground", "square")), dataset, None)
    lengths = [len(data) for data in reader.chunks(dataset.samples)]
    assert lengths == [5, 5, 5, 1]
