"""Trainings on facesets that a person edits, copies, renames and moves."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from faceswap.core.config import load_config
from faceswap.core.errors import FacesetError, IdentityError
from faceswap.media.images import write_image
from faceswap.training.build import run_training
from faceswap.training.inputs.opening import open_facesets
from faceswap.training.settings import TrainConfig

SIZE = 96
SETTINGS = [
    "model.options.size=32",
    "training.batch=2",
    "training.precision=fp32",
    "training.device=cpu",
    "training.adapt_threads=false",
    "data.match=0",
    "loss.swap=0",
    "data.minimum=4",
]


@pytest.fixture
def faces(make_faceset, tmp_path):
    shades = {"alice": (220, 170, 140), "bob": (150, 100, 70)}
    return {n: [make_faceset(tmp_path / n, 12, shade, SIZE)] for n, shade in shades.items()}


def train(faces, run: Path, steps: int, **options):
    settings = [*SETTINGS, f"training.steps={steps}"]
    return run_training(
        load_config(TrainConfig, "faceswap", "classic", settings), faces, run, **options
    )


def paint_red(faceset: Path, count: int) -> None:
    for image in sorted((faceset / "images").iterdir())[:count]:
        write_image(image, np.full((SIZE, SIZE, 3), (255, 0, 0), np.uint8))


def red_faces(run: Path, name: str) -> int:
    (cache,) = (run / "cache").glob(f"{name}-*.npy")
    crops = np.load(cache)[..., :3]
    return int((crops.min((1, 2)) == (255, 0, 0)).all(1).sum())


def changes(run: Path) -> list[str]:
    return json.loads((run / "manifest.json").read_text())["starts"][-1]["changes"]


def test_edited_crops_are_trained_on_and_said(faces, tmp_path, caplog):
    run = tmp_path / "run"
    train(faces, run, 1)
    paint_red(faces["bob"][0], 5)
    with caplog.at_level("INFO", logger="faceswap"):
        assert train(faces, run, 2).step == 2
    assert "5 crops or masks of bob were edited" in caplog.text
    assert red_faces(run, "bob") == 5
    assert "5 crops or masks of bob were edited" in changes(run)
    # Also without the cache, and not again when nothing was edited.
    paint_red(faces["bob"][0], 12)
    shutil.rmtree(run / "cache")
    train(faces, run, 3)
    assert "crops or masks of bob were edited" in changes(run)
    assert red_faces(run, "bob") == 12
    train(faces, run, 4)
    assert changes(run) == ["training.steps: 3 -> 4"]


def test_a_moved_copy_is_no_other_content(faces, tmp_path):
    run = tmp_path / "run"
    train(faces, run, 1)
    shutil.copytree(faces["bob"][0], tmp_path / "copy", copy_function=shutil.copyfile)
    shutil.rmtree(faces["bob"][0])
    train({**faces, "bob": [tmp_path / "copy"]}, run, 2)
    moved = f"bob moved: {faces['bob'][0]} -> {tmp_path / 'copy'}"
    assert changes(run) == [moved, "training.steps: 1 -> 2"]


def test_the_run_of_an_earlier_version_resumes_without_a_word(faces, tmp_path):
    run = tmp_path / "run"
    train(faces, run, 1)
    manifest = json.loads((run / "manifest.json").read_text())
    for sources in manifest["data"].values():
        for source in sources:
            del source["content"]
    (run / "manifest.json").write_text(json.dumps(manifest))
    shutil.rmtree(run / "cache")
    train(faces, run, 2)
    assert changes(run) == ["training.steps: 1 -> 2"]


def test_files_that_belong_to_no_face_are_reported(faces, caplog):
    images = faces["bob"][0] / "images"
    for image in sorted(images.iterdir())[:6]:
        image.rename(image.with_suffix(".webp"))
    with caplog.at_level("WARNING", logger="faceswap"):
        open_facesets(faces, 4)
    assert "6 files in" in caplog.text
    assert "000000-0.webp" in caplog.text
    for image in images.glob("*.png"):
        image.rename(image.with_suffix(".webp"))
    with pytest.raises(FacesetError, match=r"found 0\. 12 file"):
        open_facesets(faces, 4)


def test_a_faceset_cannot_be_two_identities(faces, tmp_path):
    bob = faces["bob"][0]
    (tmp_path / "link").symlink_to(bob)
    with pytest.raises(IdentityError, match=r"'alice'.*'bob'"):
        open_facesets({"alice": [tmp_path / "link"], "bob": [bob]}, 4)
    copy = shutil.copytree(bob, tmp_path / "copy")
    with pytest.raises(IdentityError, match=r"'alice'.*'bob'"):
        open_facesets({"alice": [copy], "bob": [bob]}, 4)
    # One clip with two people, divided by hand.
    images = sorted(image.name for image in (bob / "images").iterdir())
    for name in images[:6]:
        (bob / "images" / name).unlink()
    for name in images[6:]:
        (copy / "images" / name).unlink()
    assert len(open_facesets({"alice": [copy], "bob": [bob]}, 4)) == 2


def test_a_faceset_without_images_is_refused(faces):
    shutil.rmtree(faces["bob"][0] / "images")
    with pytest.raises(FacesetError, match="has no folder images"):
        open_facesets(faces, 4)
