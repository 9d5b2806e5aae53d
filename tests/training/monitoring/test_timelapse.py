import logging
from pathlib import Path

import numpy as np
import pytest

from faceswap.core.errors import MediaError
from faceswap.media.images import write_image
from faceswap.media.video import VideoReader
from faceswap.models.model_file import ModelMeta
from faceswap.provenance.file_provenance import read_provenance
from faceswap.training.monitoring import timelapse as module
from faceswap.training.monitoring.preview_files import preview_path
from faceswap.training.monitoring.run_signer import RunSigner
from faceswap.training.monitoring.timelapse import Timelapse
from faceswap.training.run.progress import PhaseEntry, Progress

META = ModelMeta("small", {}, ("alice", "bob"), 1.25, 0, {})
BAR = 28


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "previews"


def preview(folder: Path, step: int, grey: int, height: int = 48, width: int = 96) -> None:
    write_image(preview_path(folder, step), np.full((height, width, 3), grey, np.uint8))


def written(folder: Path, step: int, phases: tuple[PhaseEntry, ...] = ()) -> list[np.ndarray]:
    video = Timelapse(folder, RunSigner(META).of_step)
    video.write(Progress(step=step, phases=phases))
    return [frame.image for frame in VideoReader(video.path)]


def test_each_preview_is_a_frame_in_the_order_of_steps(folder):
    for number, step in enumerate((1500, 0, 500, 1000)):
        preview(folder, step, 40 + 50 * number)
    frames = written(folder, 1500)
    assert [frame.shape for frame in frames] == [(48 + BAR, 96, 3)] * 4
    middles = [int(frame[BAR + 24, 48, 1]) for frame in frames]
    assert middles == pytest.approx([90, 140, 190, 40], abs=3)


def test_it_is_signed_as_synthetic(folder):
    preview(folder, 500, 100)
    written(folder, 500)
    found = read_provenance(folder / "timelapse.mp4")
    assert (found.state, found.place, found.synthetic) == ("intact", "embedded", True)
    assert found.conversion is not None
    assert found.conversion["model"]["step"] == 500
    assert found.metadata["digital_source_type"].endswith("compositeWithTrainedAlgorithmicMedia")


def test_frames_are_labelled_with_step_and_phase(folder, monkeypatch):
    texts = []

    def mask(text, height, width):
        texts.append(text)
        return np.full((height, width), 200, np.uint8)

    monkeypatch.setattr(module, "text_mask", mask)
    for step in (0, 500, 1000):
        preview(folder, step, 100)
    phases = (PhaseEntry("generalise"), PhaseEntry("detail", 500))
    frames = written(folder, 1000, phases)
    # A phase that begins with step 500 begins after the preview of that step.
    assert texts == [
        "step 0, generalise (synthetic faces)",
        "step 500, generalise (synthetic faces)",
        "step 1,000, detail (synthetic faces)",
    ]
    assert int(frames[0][BAR // 2, 60, 0]) == pytest.approx(200, abs=3)
    assert int(frames[0][BAR // 2, 1, 0]) < 20


def test_previews_of_a_start_that_was_killed_are_left_out(folder):
    for step in (500, 1000, 1500):
        preview(folder, step, 100)
    assert len(written(folder, 1000)) == 2


def test_previews_of_other_sizes_are_fitted_into_that_of_the_newest(folder):
    preview(folder, 500, 0, height=200, width=100)
    preview(folder, 1000, 0, height=24, width=48)
    preview(folder, 1500, 0, height=51, width=101)
    high, small, newest = (frame[BAR:, :, 0] < 128 for frame in written(folder, 1500))
    assert newest.shape == (52, 102)  # an encoder needs even sizes
    assert newest.sum() == pytest.approx(51 * 101, rel=0.05)
    assert high[:, 51].all()  # shrunk to 26 x 52
    assert high.any(axis=0).sum() == pytest.approx(26, abs=2)
    assert small.sum() == pytest.approx(24 * 48, rel=0.1)  # not enlarged


def test_a_damaged_preview_is_left_out_with_a_warning(folder, caplog):
    for step in (500, 1000, 1500):
        preview(folder, step, 100)
    for step in (1000, 1500):
        preview_path(folder, step).write_bytes(b"damaged")
    with caplog.at_level(logging.WARNING):
        assert len(written(folder, 1500)) == 1
    assert "step-00001000.jpg" in caplog.text


def test_of_very_many_previews_evenly_spaced_ones_are_shown(folder, monkeypatch):
    monkeypatch.setattr(module, "MOST_FRAMES", 3)
    for step in range(0, 900, 100):
        preview(folder, step, 20 + step // 4)
    middles = [int(frame[BAR + 24, 48, 1]) for frame in written(folder, 800)]
    assert middles == pytest.approx([20, 120, 220], abs=3)


def test_it_is_due_when_the_number_of_previews_has_doubled(folder):
    video = Timelapse(folder, RunSigner(META).of_step)
    due = []
    for count in range(1, 40):
        preview(folder, count, 100, 8, 8)
        if video.is_due(count):
            due.append(count)
    assert due == [8, 16, 32]


def test_it_lacks_what_is_newer_than_itself(folder):
    video = Timelapse(folder, RunSigner(META).of_step)
    assert not video.lacks(500)
    preview(folder, 500, 100)
    assert video.lacks(500)
    video.write(Progress(step=500))
    assert not video.lacks(500)
    preview(folder, 1000, 100)
    assert not video.lacks(500)
    assert video.lacks(1000)


def test_a_video_that_cannot_be_written_leaves_the_earlier_one(folder, monkeypatch):
    preview(folder, 500, 100)
    written(folder, 500)
    before = (folder / "timelapse.mp4").read_bytes()

    def fails(*_):
        raise MediaError("no encoder")

    monkeypatch.setattr(module.VideoWriter, "write", fails)
    with pytest.raises(MediaError):
        written(folder, 500)
    assert (folder / "timelapse.mp4").read_bytes() == before
    assert len(list(folder.iterdir())) == 2
