"""The whole job, small: few frames, few steps."""

from pathlib import Path

import numpy as np
import pytest

import faceswap.demo as verb
from faceswap.core.checkpoint import checkpoint_steps
from faceswap.core.documents import read_json
from faceswap.core.errors import ConfigError
from faceswap.demo import run_demo, train_config
from faceswap.demonstration.settings import DemoSettings
from faceswap.demonstration.summary import headline
from faceswap.demonstration.swap_check import Swap, check_swaps
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.subjects import find_records
from faceswap.media.images import read_image
from faceswap.media.video import VideoReader
from faceswap.models.model_file import load_model
from faceswap.models.run_model import load_run_model
from faceswap.provenance.errors import ProvenanceError
from faceswap.provenance.file_provenance import read_provenance

SETTINGS = DemoSettings(minutes=0.03, seed=3, frames=16, size=128, device="cpu")
TINY = ("data.minimum=4", "training.batch=2", "training.minutes=null", "training.steps=2")
STAGES = [
    "animate collins",
    "animate hopper",
    "extract collins",
    "extract hopper",
    "train",
    "convert collins",
    "convert hopper",
    "side by side",
    "check",
]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A finished demo; its training was broken off once before it began."""
    output = tmp_path_factory.mktemp("demo") / "demo"

    def interrupted(*_args: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verb, "train_with_progress", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_demo(output, SETTINGS, TINY)
    assert run_demo(output, SETTINGS, TINY) == STAGES[4:]
    return output


def test_all_results_exist(made):
    for name in ("collins", "hopper"):
        faceset = Faceset.open(made / "faces" / name)
        assert len(faceset.faces()) == 16
        assert faceset.subject["basis"] == "public-domain"
    model = load_model(made / "runs" / "demo")
    assert list(model.identities) == ["collins", "hopper"]
    assert checkpoint_steps(made / "runs" / "demo" / "checkpoints")[-1] == 2
    assert model.meta.subjects["hopper"][0]["name"] == "Grace Hopper"
    for place in (made / "runs" / "demo", made / "runs" / "demo" / "model"):
        assert find_records(place) == model.meta.subjects
    for clip in ("clips/collins", "converted/collins-as-hopper", "converted/hopper-as-collins"):
        reader = VideoReader(made / f"{clip}.mp4")
        assert len(list(reader)) == 16
        assert reader.info.audio_streams == 1


def test_conversion_changes_only_the_face(made):
    before = next(iter(VideoReader(made / "clips" / "collins.mp4")))
    after = next(iter(VideoReader(made / "converted" / "collins-as-hopper.mp4")))
    change = np.abs(before.image.astype(int) - after.image).mean(2)
    landmarks = Faceset.open(made / "faces" / "collins").by_frame()[0][0].landmarks
    x, y = landmarks.mean(0).round().astype(int)
    around = change[:, :12].mean()  # what encoding it again changes
    assert around < 2
    assert change[y - 8 : y + 8, x - 8 : x + 8].mean() > 3 * around


def test_all_files_with_swapped_faces_are_signed(made):
    model = load_run_model(made / "runs" / "demo")  # the best checkpoint
    shown = {
        "converted/collins-as-hopper.mp4": ["hopper"],
        "converted/hopper-as-collins.mp4": ["collins"],
        "side_by_side.mp4": ["collins", "hopper"],
        "grid.jpg": ["collins", "hopper"],
    }
    for name, identities in shown.items():
        found = read_provenance(made / name)
        assert (found.state, found.synthetic, found.signer) == ("intact", True, "local"), name
        assert found.conversion is not None
        assert found.conversion["model"]["weights_sha256"] == model.digest
        assert sorted(found.conversion["shows"]) == identities
        # The record went from faceset to model to file.
        record = Faceset.open(made / "faces" / "hopper").subject
        assert found.conversion["subjects"]["hopper"] == [record]
        assert found.metadata["digital_source_type"].endswith(
            "compositeWithTrainedAlgorithmicMedia"
        )
    sources = read_provenance(made / "grid.jpg").ingredients
    assert {source["title"]: source["synthetic"] for source in sources} == {
        "collins.mp4": False,
        "hopper.mp4": False,
        "collins-as-hopper.mp4": True,
        "hopper-as-collins.mp4": True,
    }
    assert read_provenance(made / "clips" / "hopper.mp4").state == "none"  # an original, of a kind


def test_missing_signing_identity_fails_first(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("FACESWAP_CONFIG", str(tmp_path / "file" / "config"))
    with pytest.raises(ProvenanceError, match="cannot be stored"):
        run_demo(tmp_path / "demo", SETTINGS, TINY)
    assert not (tmp_path / "demo").exists()


def test_side_by_side_video_and_grid(made):
    reader = VideoReader(made / "side_by_side.mp4")
    frames = list(reader)
    assert len(frames) == 16
    assert frames[0].image.shape == (256, 256, 3)
    assert reader.info.audio_streams == 1
    original = next(iter(VideoReader(made / "clips" / "hopper.mp4"))).image
    tile = frames[0].image[128:, :128]
    assert np.abs(tile[:90].astype(int) - original[:90]).mean() < 6
    assert read_image(made / "grid.jpg").shape == (6 * 240, 4 * 240, 3)


def test_summary_metrics(made):
    summary = read_json(made / "summary.json")
    assert list(summary["stages"]) == STAGES
    assert summary["stages"]["extract collins"]["faces"] == 16
    assert summary["stages"]["train"]["steps"] == 2
    assert summary["model"]["architecture"] == "anchored"
    assert summary["model"]["step"] == load_run_model(made / "runs" / "demo").meta.step
    assert 0 < summary["stages"]["train"]["held_out_ssim"]["hopper"] < 1
    assert set(summary["stages"]["check"]["checks"]) == {
        "collins as hopper",
        "hopper as collins",
    }
    assert summary["total_seconds"] == pytest.approx(
        sum(stage["seconds"] for stage in summary["stages"].values())
    )
    page = (made / "summary.md").read_text()
    assert "16 frames, 16 faces" in page
    assert "| hopper as collins |" in page
    assert "2 training steps" in headline(summary)


def test_unswapped_clips_fail_the_check(made):
    forth, back = (
        Swap(made / "clips" / f"{name}.mp4", made / "clips" / f"{name}.mp4", Faceset.open(faces))
        for name, faces in ((n, made / "faces" / n) for n in ("collins", "hopper"))
    )
    counted = []
    first, second, classifier_accuracy = check_swaps(forth, back, on_faces=counted.append)
    assert classifier_accuracy == 1
    for check in (first, second):
        assert check.classified_as_target == 0
        assert check.faces_found == 1
        assert check.yaw_correlation > 0.9
    # A mouth of a few pixels; that of Hopper stays shut in these frames.
    assert first.mouth_correlation > 0.4
    assert sum(counted) == 6 * 16


def test_finished_stages_are_skipped(made):
    assert run_demo(made, SETTINGS, TINY) == []
    (made / "converted" / "hopper-as-collins.mp4").unlink()
    (made / "grid.jpg").unlink()
    assert run_demo(made, SETTINGS, TINY) == ["convert hopper", "side by side"]


def test_other_settings_are_rejected(made):
    with pytest.raises(ConfigError, match=r"seed: 3 -> 4"):
        run_demo(made, DemoSettings(0.03, seed=4, frames=16, size=128, device="cpu"), TINY)


def test_other_folder_is_rejected(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not a demo folder"):
        run_demo(tmp_path, SETTINGS)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def test_other_recipes_get_seed_and_budget_of_the_demo():
    config = train_config(DemoSettings(2, seed=5, recipe="classic", device="cpu"), TINY[:1])
    assert (config.model.name, config.seed) == ("small", 5)
    assert (config.training.minutes, config.training.steps) == (2, None)
    assert config.data.minimum == 4


def test_unknown_recipe_fails_first(tmp_path):
    with pytest.raises(ConfigError, match="smal"):
        run_demo(tmp_path / "demo", DemoSettings(1, recipe="smal"))
    assert not (tmp_path / "demo").exists()
