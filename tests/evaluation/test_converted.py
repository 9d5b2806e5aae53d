from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from faceswap.core.errors import FacesetError, MediaError, NoFacesError
from faceswap.evaluation.audio import compare_audio
from faceswap.evaluation.converted import ConvertedInputs, evaluate_converted
from faceswap.evaluation.face_finder import FaceFinder
from faceswap.evaluation.frame_pairs import sample_frame_indices
from tests.evaluation.conftest import FRAMES, Colours
from tests.footage import moving_portrait, plain_picture, write_clip


@pytest.fixture(scope="module")
def finder():
    return FaceFinder()


def evaluated(inputs, finder, frames=9, **options):
    options = {"recognizer": Colours(), "baseline": False} | options
    return evaluate_converted(inputs, finder, frames=frames, **options)


def test_copy_has_perfect_scores(clips, facesets, finder):
    inputs = ConvertedInputs(clips["alice"], clips["alice"], facesets["alice"], facesets["bob"])
    counted = []
    found = evaluated(inputs, finder, baseline=True, on_frames=counted.append)
    assert sum(counted) == FRAMES
    values = {result.method: result.summary.values for result in found.comparison.results}
    assert set(values) == {"alice.mp4", "unswapped", "nearest crop"}
    copy = values["alice.mp4"]
    for name in ("face_found", "similarity_source", "mask_iou"):
        assert copy[name] == pytest.approx(1, abs=1e-5)
    steady = ("flicker", "local_flicker", "jitter")
    for name in ("pitch_error", "expression_error", "movement_error", "seam", *steady):
        assert copy[name] == pytest.approx(0, abs=1e-6)
    for name in ("background_max", "codec_mean", "retrieval"):
        assert copy.get(name, 0) == 0
    for name in ("mouth_correlation", "identity_drift", "jitter_ratio"):
        assert copy[name] == pytest.approx(1)
    assert copy["sharpness"] == pytest.approx(1, abs=0.2)
    assert found.file == {
        "frames_missing": 0,
        "time_error": 0,
        "audio_packets_equal": 1,
        "audio_error": 0,
    }


def test_flicker_and_offset_are_measured(tmp_path, clips, finder):
    def flickering(index):
        return np.clip(moving_portrait(index).astype(int) + 12 * (index % 2), 0, 255).astype("u1")

    output = write_clip(tmp_path / "out.mp4", FRAMES, flickering)
    values = (
        evaluated(ConvertedInputs(clips["alice"], output), finder)
        .comparison.results[0]
        .summary.values
    )
    # 12 of 255 levels are four to five L*; a second difference of back and forth is twice that.
    assert values["flicker"] == pytest.approx(9, abs=1.5)
    assert values["local_flicker"] == pytest.approx(12, abs=1)
    assert 12 <= values["background_max"] <= 60  # encoding adds to it
    assert values["background_mean"] == pytest.approx(6, abs=2)
    assert values["pitch_error"] < 1
    assert not {"similarity_target", "sharpness"} & values.keys()


def test_blur_and_noise_of_a_file_are_measured(tmp_path, clips, facesets, finder):
    def blurred(index):
        return cv2.GaussianBlur(moving_portrait(index), (0, 0), 1.5)

    def noisy(index):
        noise = np.random.default_rng(index).normal(0, 20, (256, 256, 3))
        return np.clip(moving_portrait(index) + noise, 0, 255).astype("u1")

    found = []
    for picture in (blurred, noisy):
        output = write_clip(tmp_path / f"{picture.__name__}.mp4", FRAMES, picture)
        inputs = ConvertedInputs(clips["alice"], output, facesets["alice"], facesets["alice"])
        found.append(evaluated(inputs, finder).comparison.results[0].summary.values)
    assert found[0]["sharpness"] < 0.4
    assert found[1]["sharpness"] > 1.2
    assert found[0]["jitter_ratio"] < found[1]["jitter_ratio"]


def test_missing_frames_late_frames_and_lost_audio_are_measured(tmp_path, clips, finder):
    output = write_clip(tmp_path / "short.mp4", FRAMES - 3, sound=False)
    found = evaluated(ConvertedInputs(clips["alice"], output), finder, frames=4).file
    assert found["frames_missing"] == 3
    assert (found["audio_packets_equal"], found["audio_error"]) == (0, 1)
    late = tmp_path / "late.mp4"
    with av.open(late, "w") as container:
        stream = container.add_stream("libx264", rate=50)
        stream.width, stream.height, stream.pix_fmt = 256, 256, "yuv420p"
        for index in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(moving_portrait(index), format="rgb24")
            frame.pts, frame.time_base = index * 2 + (index > 20), Fraction(1, 50)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    found = evaluated(ConvertedInputs(clips["alice"], late), finder, frames=4).file
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


def test_reencoded_audio_is_compared_by_samples(tmp_path):
    first, second = tone(tmp_path / "a.wav", 0.5), tone(tmp_path / "b.wav", 0.4)
    found = compare_audio(first, second)
    assert found["audio_packets_equal"] < 1
    assert found["audio_error"] == pytest.approx(0.1, abs=1e-3)
    longer = tone(tmp_path / "c.wav", 0.5, extra=4000)
    assert compare_audio(first, longer)["audio_error"] == 1


def test_frames_are_sampled_in_blocks():
    assert sample_frame_indices([(0, 30)], 100) == set(range(30))
    chosen = sample_frame_indices([(0, 1000)], 30)
    assert chosen == {*range(10), *range(495, 505), *range(990, 1000)}
    assert sample_frame_indices([(0, 1000)], 4) == {0, 1, 2, 3}


def test_mismatched_inputs_are_rejected(tmp_path, clips, facesets, finder):
    with pytest.raises(FacesetError, match="not extracted from"):
        evaluated(ConvertedInputs(clips["alice"], clips["alice"], facesets["bob"]), finder)
    other = tmp_path / "small.mp4"
    with av.open(other, "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 128, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((128, 128, 3), np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(MediaError, match="128x128"):
        evaluated(ConvertedInputs(clips["alice"], other), finder)
    empty = write_clip(tmp_path / "empty.mp4", 5, plain_picture)
    with pytest.raises(NoFacesError, match="No face"):
        evaluated(ConvertedInputs(empty, empty), finder)
