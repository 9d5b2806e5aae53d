"""What a training shows of itself while it runs."""

import json
import shutil
from pathlib import Path

import pytest
from accelerate import tracking
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from faceswap.core.errors import ConfigError, FacesetError
from faceswap.media.images import read_image
from faceswap.media.video import VideoReader
from faceswap.provenance.file_provenance import read_provenance
from faceswap.training.build import run_training
from faceswap.training.monitoring.preview_faces import open_preview_faces
from faceswap.training.monitoring.report import Callbacks
from tests.training.tiny import configured


def log_of(run: Path) -> EventAccumulator:
    log = EventAccumulator(str(run / "logs"), {"images": 0, "scalars": 0})
    log.Reload()
    return log


def frames(run: Path) -> int:
    return len(list(VideoReader(run / "previews" / "timelapse.mp4")))


def test_numbers_of_a_step_are_logged(faces, tmp_path):
    phases = "phases=[{name: first, share: 0.5}, {name: second}]"
    seen = []
    run_training(
        configured("training.steps=8", phases),
        faces,
        tmp_path / "run",
        (),
        Callbacks(on_step=seen.append),
    )
    log = log_of(tmp_path / "run")
    steps = [2, 4, 6, 8]
    assert [(e.step, e.value) for e in log.Scalars("training/phase")] == list(
        zip(steps, [1, 1, 2, 2], strict=True)
    )
    for name in ("training/steps per second", "memory/GiB in use", "memory/GiB at the peak"):
        assert [e.step for e in log.Scalars(name)] == steps
        assert all(e.value > 0 for e in log.Scalars(name))
    per_step = [e.value for e in log.Scalars("training/steps per second")]
    per_face = [e.value for e in log.Scalars("training/faces per second")]
    assert per_face == pytest.approx([8 * value for value in per_step], rel=0.05)
    assert seen[0].seconds_left is None
    assert seen[-1].seconds_left == 0
    assert 0 < seen[2].seconds_left == pytest.approx(seen[2].seconds, rel=0.01)


def test_logged_previews_keep_their_manifest(faces, tmp_path):
    run_training(configured("training.steps=10"), faces, tmp_path / "run")
    images = log_of(tmp_path / "run").Images("previews")
    assert [image.step for image in images] == [5, 10]
    saved = tmp_path / "saved.jpg"
    saved.write_bytes(images[1].encoded_image_string)
    found = read_provenance(saved)
    assert (found.state, found.synthetic) == ("intact", True)
    assert read_image(saved).shape[:2] == (images[1].height, images[1].width)


def test_images_and_timelapse_can_be_turned_off(faces, tmp_path):
    off = ("output.log_images=false", "output.timelapse=false")
    run_training(configured("training.steps=10", *off), faces, tmp_path / "run")
    assert log_of(tmp_path / "run").Tags()["images"] == []
    assert not (tmp_path / "run" / "previews" / "timelapse.mp4").exists()


def test_the_timelapse_continues_with_the_training(faces, tmp_path):
    run = tmp_path / "run"
    run_training(configured("training.steps=10"), faces, run)
    assert frames(run) == 2
    run_training(configured("training.steps=25"), faces, run)
    assert frames(run) == 5
    before = (run / "previews" / "timelapse.mp4").stat().st_mtime_ns
    run_training(configured("training.steps=25"), faces, run)  # has ended
    assert (run / "previews" / "timelapse.mp4").stat().st_mtime_ns == before


def test_a_kill_before_the_timelapse_is_made_up_for(faces, tmp_path):
    run = tmp_path / "run"
    run_training(configured("training.steps=10"), faces, run)
    (run / "previews" / "timelapse.mp4").unlink()
    run_training(configured("training.steps=10"), faces, run)
    assert frames(run) == 2


def test_previews_show_the_same_faces_after_each_start(faces, tmp_path):
    run_training(configured("training.steps=5"), faces, tmp_path / "run")
    run_training(configured("training.steps=10"), faces, tmp_path / "run")
    first, second = (
        read_image(tmp_path / "run" / "previews" / f"step-{step:08d}.jpg").astype(int)
        for step in (5, 10)
    )
    block = 3 * 132
    for left in (0, block):  # the faces themselves, and not what was decoded of them
        shown = slice(left, left + 128)
        assert abs(first[22:, shown] - second[22:, shown]).max() <= 2
        decoded = slice(left + 132, left + 132 + 128)
        assert abs(first[22:, decoded] - second[22:, decoded]).max() > 4


def test_without_an_identity_there_is_one_warning_and_no_video(
    faces, tmp_path, monkeypatch, caplog
):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("FACESWAP_CONFIG", str(tmp_path / "file" / "config"))
    result = run_training(configured("training.steps=10"), faces, tmp_path / "run")
    assert result.step == 10
    assert len([r for r in caplog.records if r.levelname == "WARNING"]) == 1
    assert not list((tmp_path / "run").glob("previews/*.jpg"))
    assert not list((tmp_path / "run").glob("previews/*.mp4"))
    assert log_of(tmp_path / "run").Tags()["images"] == []


def test_the_page_shows_the_whole_training_after_a_resume(faces, tmp_path):
    run = tmp_path / "run"
    run_training(configured("training.steps=10"), faces, run)
    run_training(configured("training.steps=16"), faces, run)
    text = (run / "previews" / "live.js").read_text()
    found = json.loads(text.removeprefix("show(").removesuffix(");\n"))
    assert found["title"] == "run"
    assert found["identities"] == ["alice", "bob"]
    assert [point[0] for point in found["points"]] == list(range(2, 17, 2))
    logged = [e.value for e in log_of(run).Scalars("loss/bob")]
    assert [point[2] for point in found["points"]] == pytest.approx(logged, rel=1e-4)
    assert found["previews"] == [5, 10, 15, 16]
    assert found["state"] == "Ended at step 16: the budget is used up"


def test_the_page_can_be_turned_off(faces, tmp_path):
    run_training(configured("training.steps=5", "output.live_page=false"), faces, tmp_path / "run")
    names = {path.name for path in (tmp_path / "run" / "previews").iterdir()}
    assert names == {"step-00000005.jpg", "timelapse.mp4"}


def test_a_page_that_cannot_be_written_does_not_end_the_training(faces, tmp_path, caplog):
    run = tmp_path / "run"
    run_training(configured("training.steps=5", "output.live_page=false"), faces, run)
    (run / "previews" / "live.js" / "in the way").mkdir(parents=True)
    result = run_training(configured("training.steps=10"), faces, run)
    assert result.step == 10
    [warning] = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert warning.startswith("The page of the training is not written any more")


def test_a_timelapse_that_fails_does_not_end_the_training(faces, tmp_path, caplog):
    folder = tmp_path / "run" / "previews" / "timelapse.mp4"
    run_training(configured("training.steps=5", "output.timelapse=false"), faces, tmp_path / "run")
    (folder / "in the way").mkdir(parents=True)
    result = run_training(configured("training.steps=10"), faces, tmp_path / "run")
    assert result.step == 10
    [warning] = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert warning.startswith("The timelapse is not written any more")


def test_a_missing_tracker_is_an_error_before_any_work(faces, tmp_path, monkeypatch):
    monkeypatch.setattr("faceswap.core.trackers.get_available_trackers", list)
    with pytest.raises(ConfigError, match="'wandb' is not installed"):
        run_training(configured("output.trackers=[wandb]"), faces, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_trackers_get_the_points_of_the_log_once(faces, tmp_path, monkeypatch):
    sent = []

    class Recorder(tracking.GeneralTracker):
        name = "mine"
        requires_logging_directory = False
        tracker = None

        def __init__(self, project, **arguments):
            super().__init__()

        def log(self, values, step=None, **kwargs):
            sent.extend((name, step, value) for name, value in values.items())

    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "mine", Recorder)
    run = tmp_path / "run"
    chosen = "output.trackers=[mine]"
    run_training(configured("training.steps=8", chosen), faces, run)
    # As after a kill at step 8 and a resume from step 5.
    shutil.rmtree(run / "checkpoints" / "step-00000008")
    run_training(configured("training.steps=12", chosen), faces, run)
    points = [(name, step) for name, step, _ in sent]
    assert len(points) == len(set(points))
    log = log_of(run)
    curves = [name for name in log.Tags()["scalars"] if name.startswith(("loss", "held-out"))]
    assert len(curves) == 6
    for curve in curves:
        values = [(step, value) for name, step, value in sent if name == curve]
        logged = [(e.step, pytest.approx(e.value)) for e in log.Scalars(curve)]
        # Points that were sent before the kill stay: one is not evaluated again, and after a resume
        # the first mean is of fewer steps.
        compared = [[pair for pair in each if pair[0] not in (6, 8)] for each in (values, logged)]
        assert compared[0] == compared[1]
        assert len(compared[0]) >= 2


def test_previews_show_faces_of_ones_own(faces, make_faceset, tmp_path):
    own = make_faceset(tmp_path / "own", faces=7, shade=(20, 30, 240))
    chosen = f"output.preview_faces={{alice: {own}}}"
    run_training(configured("training.steps=5", chosen), faces, tmp_path / "run")
    run_training(configured("training.steps=5"), faces, tmp_path / "plain")
    path = "previews/step-00000005.jpg"
    with_own, plain = (read_image(tmp_path / name / path).astype(int) for name in ("run", "plain"))
    assert (with_own.shape, plain.shape) == ((682, 788, 3), (286, 788, 3))
    for row in range(5):
        middle = with_own[26 + 132 * row + 64, 64]
        assert middle[2] - middle[0] > 100, middle  # blue
    assert plain[26 + 64, 64, 2] < plain[26 + 64, 64, 0]
    bob = slice(3 * 132, 3 * 132 + 128)
    assert abs(with_own[22:280, bob] - plain[22:280, bob]).max() <= 2
    found = read_provenance(tmp_path / "run" / path)
    assert found.conversion is not None
    assert [record["name"] for record in found.conversion["subjects"]["alice"]][1:] == ["own"]


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ("{allice: nowhere}", ConfigError, "Unknown identity 'allice'"),
        ("{alice: nowhere}", FacesetError, "nowhere"),
    ],
)
def test_preview_faces_that_cannot_be_shown(faces, tmp_path, value, error, message):
    with pytest.raises(error, match=message):
        run_training(configured(f"output.preview_faces={value}"), faces, tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_guided_models_take_no_preview_faces():
    with pytest.raises(ConfigError, match="guided"):
        open_preview_faces({"alice": Path("faces")}, ["alice", "bob"], "", guided=True)


def test_a_relative_place_of_preview_faces_is_kept_as_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = configured("output.preview_faces={alice: shown}")
    assert config.output.preview_faces == {"alice": tmp_path / "shown"}
