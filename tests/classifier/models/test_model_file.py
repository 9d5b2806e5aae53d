import json

import numpy as np
import pytest
import torch

from classifier.data.dataset import LoadedImages, Sample
from classifier.models import build_network
from classifier.models.formats import normalise
from classifier.models.inference import predict_images
from classifier.models.model_file import ModelMeta, load_model, save_model
from faceswap.core.errors import ModelFileError

CLASSES = ("cat", "déjà vu", "dog")


def saved(tmp_path, network: str = "resnet20", size: int | None = None, **facts):
    torch.manual_seed(0)
    built = build_network(network, 3, {}, size)
    meta = ModelMeta(network, {}, size, CLASSES, **facts)
    save_model(tmp_path / "model", built.module.state_dict(), built, meta)
    built.module.eval()
    return built


def test_save_and_load_round_trip(tmp_path):
    facts = {"side": (48, 64), "ignore_index": 11, "scores": {"mean_iou": 0.5}, "data": "abc"}
    built = saved(tmp_path, "fcdensenet56", 96, **facts)
    loaded = load_model(tmp_path)
    assert loaded.classes == CLASSES
    assert loaded.meta == ModelMeta("fcdensenet56", {}, 96, CLASSES, **facts)
    assert loaded.input.size == 96
    assert loaded.built.task == "pixels"
    for name, value in built.module.state_dict().items():
        assert torch.equal(value, loaded.module.state_dict()[name])
    assert not loaded.module.training
    assert load_model(tmp_path / "model").digest == loaded.digest


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 1}, "Create it again"),
        ({"version": 99}, "Upgrade this program"),
        ({"format": "other"}, "choose another folder"),
        ({"network": "gone"}, "Known networks"),
        ({"classes": ["one"]}, "Copy the whole folder"),
        ({"weights_sha256": "0" * 64}, "copy the whole folder"),
        ({"weights_sha256": "0"}, "choose another folder"),
    ],
)
def test_unusable_models_are_rejected(tmp_path, change, words):
    saved(tmp_path)
    file = tmp_path / "model" / "model.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(ModelFileError) as caught:
        load_model(tmp_path)
    assert words in caught.value.hint


def test_the_previous_version_is_migrated(tmp_path):
    saved(tmp_path, ignore_index=11)
    file = tmp_path / "model" / "model.json"
    old = json.loads(file.read_text()) | {"version": 2}
    old["void"] = old.pop("ignore_index")
    old["sha256"] = old.pop("weights_sha256")
    file.write_text(json.dumps(old))
    loaded = load_model(tmp_path)
    assert loaded.meta.ignore_index == 11
    assert loaded.digest == old["sha256"]


def test_folder_without_a_model_is_rejected(tmp_path):
    with pytest.raises(ModelFileError, match=r"no model\.json"):
        load_model(tmp_path)


def images(count: int, height: int, width: int) -> LoadedImages:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 3, height, width), np.uint8)
    samples = tuple(Sample(f"{n}", 0) for n in range(count))  # pyright: ignore
    return LoadedImages(pixels, np.zeros(count, np.int64), samples)


def test_prediction_uses_the_centre_crop(tmp_path):
    saved(tmp_path)
    data, counts = images(5, 40, 36), []
    found = list(predict_images(load_model(tmp_path), data.images, 2, "cpu", counts.append))
    assert [len(batch) for batch in found] == counts == [2, 2, 1]
    probabilities = np.concatenate(found)
    assert np.allclose(probabilities.sum(1), 1, atol=1e-6)
    cut = data.images[..., 4:36, 2:34]
    again = np.concatenate(list(predict_images(load_model(tmp_path), cut)))
    assert np.allclose(probabilities, again, atol=1e-6)


def test_segmentation_of_images_of_any_size(tmp_path):
    built = saved(tmp_path, "fcdensenet56", 32)
    data = images(1, 41, 64)
    (found,) = predict_images(load_model(tmp_path), data.images)
    assert found.shape == (1, 3, 41, 64)
    assert np.allclose(found.sum(1), 1, atol=1e-5)
    whole = images(1, 32, 64)
    (plain,) = predict_images(load_model(tmp_path), whole.images)
    with torch.inference_mode():
        expected = built.module(normalise(torch.from_numpy(whole.images), built.input)).softmax(1)
    assert np.allclose(plain, expected.numpy(), atol=1e-5)
