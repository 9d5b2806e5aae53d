from fractions import Fraction

import av
import numpy as np
import pytest

from faceswap.core.errors import FacesetError, MediaError, NoFacesError
from faceswap.evaluation.converted import Files, chosen_frames, evaluate_converted
from faceswap.evaluation.exactness import sound_exactness
from faceswap.evaluation.face_finder import FaceFinder
from tests.evaluation.conftest import FRAMES, Colours
from tests.footage import moving_portrait, plain_picture, write_clip


@pytest.fixture(scope="module")
def finder():
    return FaceFinder()


def judged(files, finder, frames=9, **options):
    options = {"recognizer": Colours(), "baseline": False} | options
    return evaluate_converted(files, finder, frames=frames, **options)


def test_a_copy_is_perfect(clips, facesets, finder):
    files = Files(clips["alice"], clips["alice"], facesets["alice"], facesets["bob"])
    counted = []
    found = judged(files, finder, baseline=True, on_frames=counted.append)
    assert sum(counted) == FRAMES
    values = {result.method: result.summary.values for result in found.comparison.results}
    assert set(values) == {"alice.mp4", "unswapped", "nearest crop"}
    copy = values["alice.mp4"]
    for name in ("face_found", "similarity_source", "mask_iou"):
        assert copy[name] == pytest.approx(1, abs=1e-5)
    for name in ("pitch_error", "expression_error", "movement_error", "seam", "flicker", "jitter"):
        assert copy[name] == pytest.approx(0, abs=1e-6)
    for name in ("background_max", "codec_mean", "retrieval"):
        assert copy.get(name, 0) == 0
    assert copy["mouth_follows"] == pytest.approx(1)
    assert found.file == {
        "frames_missing": 0,
        "time_error": 0,
        "sound_packets_equal": 1,
        "sound_error": 0,
    }


def test_known_flicker_and_offset_are_found(tmp_path, clips, finder):
    def flickering(index):
        return np.clip(moving_portrait(index).astype(int) + 12 * (index % 2), 0, 255).astype("u1")

    output = write_clip(tmp_path / "out.mp4", FRAMES, flickering)
    values = judged(Files(clips["alice"], output), finder).comparison.results[0].summary.values
    # 12 of 255 levels are four to five L*; a second difference of back and forth is twice that.
    assert values["flicker"] == pytest.approx(9, abs=1.5)
    assert 12 <= values["background_max"] <= 60  # encoding adds to it
    assert values["background_mean"] == pytest.approx(6, abs=2)
    assert values["pitch_error"] < 1
    assert "similarity_target" not in values


def test_missing_frames_late_frames_and_lost_sound_are_found(tmp_path, clips, finder):
    output = write_clip(tmp_path / "short.mp4", FRAMES - 3, sound=False)
    found = judged(Files(clips["alice"], output), finder, frames=4).file
    assert found["frames_missing"] == 3
    assert (found["sound_packets_equal"], found["sound_error"]) == (0, 1)
    late = tmp_path / "late.mp4"
    with av.open(late, "w") as container:
        stream = container.add_stream("libx264", rate=50)
        stream.width, stream.height, stream.pix_fmt = 256, 256, "yuv420p"
        for index in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(moving_portrait(index), format="rgb24")
            frame.pts, frame.time_base = index * 2 + (index > 20), Fraction(1, 50)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    found = judged(Files(clips["alice"], late), finder, frames=4).file
    assert found["time_error"] == pytest.approx(20, abs=1)  # one of 50 ticks a second
    assert found["frames_missing"] == 0


def tone(path, gain, extra=0):
    with av.open(path, "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        wave = gain * np.sin(np.arange(16000 + extra) * 0.1)
        frame = av.AudioFrame.from_ndarray(
            (wave * 32767).astype(np.int16)[None], format="s16", layout="mono"
        )
        frame.sample_rate, frame.pts = 16000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_sound_that_is_encoded_anew_is_measured_by_its_samples(tmp_path):
    first, second = tone(tmp_path / "a.wav", 0.5), tone(tmp_path / "b.wav", 0.4)
    found = sound_exactness(first, second)
    assert found["sound_packets_equal"] < 1
    assert found["sound_error"] == pytest.approx(0.1, abs=1e-3)
    longer = tone(tmp_path / "c.wav", 0.5, extra=4000)
    assert sound_exactness(first, longer)["sound_error"] == 1


def test_frames_are_chosen_in_blocks():
    assert chosen_frames(30, 100) == set(range(30))
    chosen = chosen_frames(1000, 30)
    assert chosen == {*range(10), *range(495, 505), *range(990, 1000)}
    assert chosen_frames(1000, 4) == {0, 1, 2, 3}


def test_what_does_not_belong_together_is_refused(tmp_path, clips, facesets, finder):
    with pytest.raises(FacesetError, match="not of"):
        judged(Files(clips["alice"], clips["alice"], facesets["bob"]), finder)
    other = tmp_path / "small.mp4"
    with av.open(other, "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 128, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((128, 128, 3), np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(MediaError, match="128x128"):
        judged(Files(clips["alice"], other), finder)
    empty = write_clip(tmp_path / "empty.mp4", 5, plain_picture)
    with pytest.raises(NoFacesError, match="No face"):
        judged(Files(empty, empty), finder)
