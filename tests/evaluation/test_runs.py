import base64
import re
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from faceswap.core.documents import read_json
from faceswap.core.fonts import uncovered
from faceswap.evaluation.candidates import common_held_out, open_runs
from faceswap.evaluation.evaluation import (
    IDENTITY_METRICS,
    Evaluation,
    SkippedMetrics,
    describe_metrics,
)
from faceswap.evaluation.face_finder import FaceFinder
from faceswap.evaluation.footage import load_samples
from faceswap.evaluation.frame_scoring import FrameScorer
from faceswap.evaluation.metric import METRICS
from faceswap.evaluation.reconstruction import MIN_SIDE, quality, reconstruct
from faceswap.evaluation.report import write_report
from faceswap.evaluation.runs import count_frames, evaluate_runs
from faceswap.evaluation.summary import summarise
from faceswap.models.model_file import load_model
from faceswap.provenance.file_provenance import read_provenance
from tests.evaluation.conftest import FRAMES, HELD_OUT, Colours


@pytest.fixture(scope="module")
def evaluated(make_run, run):
    candidates = open_runs([run, make_run("other", seed=1)], "cpu")
    faces = common_held_out(candidates, 3)
    counted = []
    found = evaluate_runs(
        candidates,
        faces,
        FrameScorer(FaceFinder(), Colours()),
        recognizer=Colours(),
        lpips=None,
        baseline=True,
        on_frames=counted.append,
    )
    assert sum(counted) == count_frames(faces) == 6
    return found


def results(evaluated, source):
    (comparison,) = [c for c in evaluated.comparisons if c.results[0].source == source]
    return {result.method: result.summary.values for result in comparison.results}


def test_evaluated_faces_are_held_out(run):
    (candidate,) = open_runs([run], "cpu")
    faces = common_held_out([candidate], 1000)
    assert len(faces["alice"]) == round(FRAMES * HELD_OUT)
    for name, pairs in faces.items():
        trained = {face.image for _, face in candidate.training[name]}
        assert not trained & {face.image for _, face in pairs}
        assert len(trained) + len(pairs) == FRAMES


def test_all_methods_use_the_same_frames(evaluated):
    assert evaluated.footage == {"alice": "frames of alice.mp4", "bob": "frames of bob.mp4"}
    for comparison in evaluated.comparisons:
        methods = [result.method for result in comparison.results]
        assert methods == [
            *("run", "other", "run, reconstructed", "other, reconstructed"),
            *("unswapped", "nearest crop"),
        ]
        frames = [[score.index for score in result.scores] for result in comparison.results]
        assert all(one == frames[0] for one in frames)
        assert len(frames[0]) == 3


def test_photos_do_not_follow_each_other(evaluated, facesets):
    result = evaluated.comparisons[0].results[-1]  # the nearest crop
    temporal = {"jitter", "jitter_ratio", "flicker", "local_flicker", "identity_drift"}
    # Three frames in a row, as the held-out ones of a larger faceset are.
    scores = [replace(score, index=number) for number, score in enumerate(result.scores)]
    assert temporal <= summarise(scores).values.keys()
    photos = summarise([replace(score, photo=True) for score in scores]).values
    assert not temporal & photos.keys()
    assert photos["similarity_target"] == result.summary.values["similarity_target"]

    faceset = facesets["alice"]
    source = faceset.record["source"] | {"kind": "images"}
    stills = replace(faceset, record=faceset.record | {"source": source})
    for stored, photo in ((faceset, False), (stills, True)):
        (sample,) = load_samples(stored, stored.faces()[:1], None, "clip")
        assert sample.photo == photo


def test_unswapped_baseline_has_perfect_expression_and_wrong_identity(evaluated):
    values = results(evaluated, "alice")["unswapped"]
    for name in ("face_found", "similarity_source", "mask_iou"):
        assert values[name] == pytest.approx(1, abs=1e-5)
    for name in ("pitch_error", "yaw_error", "roll_error", "expression_error", "seam"):
        assert values[name] == pytest.approx(0, abs=1e-6)
    assert values["background_max"] == 0
    assert values["retrieval"] == 0
    assert values["similarity_target"] < 0.9


def test_real_similarity_bounds_the_swaps(evaluated):
    assert set(evaluated.real_similarity) == {"alice", "bob"}
    for name, value in evaluated.real_similarity.items():
        (other,) = {"alice", "bob"} - {name}
        assert results(evaluated, other)["unswapped"]["similarity_target"] < value <= 1


def test_nearest_crop_baseline_shows_the_target(evaluated):
    values = results(evaluated, "alice")["nearest crop"]
    unswapped = results(evaluated, "alice")["unswapped"]
    # Colours are matched to the source's, so it is not all of the target.
    assert values["similarity_source"] < 1
    assert values["background_max"] == 0
    assert values["face_found"] == 1
    assert values["expression_error"] < 0.1
    assert values["pitch_error"] < 8
    assert values != unswapped
    # The real face of alice, and one of bob: the same portrait.
    assert unswapped["sharpness"] == pytest.approx(1, abs=0.3)
    assert values["sharpness"] == pytest.approx(1, abs=0.3)


def test_models_leave_the_background_unchanged(evaluated):
    for name in ("run", "other"):
        values = results(evaluated, "bob")[name]
        assert values["background_max"] == 0
        assert values["face_found"] <= 1
    first, second = (results(evaluated, "bob")[name] for name in ("run", "other"))
    assert first != second


def test_reconstruction_is_measured_for_each_run_and_identity(evaluated):
    found = {(one.run, one.identity): one.values for one in evaluated.reconstructions}
    assert set(found) == {(run, who) for run in ("run", "other") for who in ("alice", "bob")}
    for values in found.values():
        assert set(values) == {"psnr", "ssim", "ms_ssim"}
        assert 3 < values["psnr"] < 25  # untrained
        assert -0.2 < values["ssim"] < 0.9


def test_report_is_self_contained_and_lists_skipped_metrics(evaluated, tmp_path):
    evaluation = Evaluation(
        "Evaluation <of> it",
        {"runs": []},
        evaluated.comparisons,
        evaluated.reconstructions,
        notes=["alice: frames of alice.mp4."],
    )
    evaluation.add_skipped([SkippedMetrics(("lpips",), "AlexNet is not here")])
    write_report(evaluation, tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "Evaluation &lt;of&gt; it" in page
    assert "Skipped: LPIPS: AlexNet is not here." in page
    clips = re.findall(r"data:video/mp4;base64,([A-Za-z0-9+/=]+)", page)
    assert len(clips) == 2
    (tmp_path / "clip.mp4").write_bytes(base64.b64decode(clips[0]))
    found = read_provenance(tmp_path / "clip.mp4")
    assert (found.state, found.place, found.synthetic) == ("intact", "embedded", True)
    assert found.conversion is not None
    assert "run" in found.conversion["model"]["methods"]
    pictures = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", page)
    assert len(pictures) == 6  # best, median and worst of both directions
    for picture in pictures:
        (tmp_path / "picture.jpg").write_bytes(base64.b64decode(picture))
        found = read_provenance(tmp_path / "picture.jpg")
        assert (found.state, found.synthetic) == ("intact", True)
        assert "compositeWithTrainedAlgorithmicMedia" in found.metadata["digital_source_type"]
    assert "<strong>Synthetic media" in page
    assert 'name="digitalSourceType"' in page
    assert 'src="http' not in page
    assert "href=" not in page
    text = "\n".join(describe_metrics(evaluation))
    numbers = read_json(tmp_path / "metrics.json")
    assert len(numbers["swaps"]) == 12
    for swap in numbers["swaps"]:
        assert len(swap["by_frame"]) == swap["frames"] == 3
        for name in swap["values"]:
            assert METRICS[name].meaning in text
            assert numbers["metrics"][name]["better"] in ("higher", "lower", "zero", "one")
    missing = {name for entry in numbers["skipped"] for name in entry["metrics"]}
    assert missing >= {"lpips"}
    # The three evaluated frames of each clip are far apart.
    assert missing & {*IDENTITY_METRICS, "sharpness"} == {"identity_drift"}


def test_runs_of_any_name_are_reported(evaluated, tmp_path):
    names = iter(["小狗$\\frac$", "b\udcff", "[/red]", "_hidden"])
    comparison = evaluated.comparisons[0]
    renamed = [replace(result, method=next(names)) for result in comparison.results[:4]]
    evaluation = Evaluation("小狗", {}, [replace(comparison, results=renamed)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_report(evaluation, tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "小狗$\\frac$" in page
    assert "b\\xff" in page
    assert ("#1 = 小狗" in page) == bool(uncovered("小狗"))


def test_quality_of_a_perfect_reconstruction(run):
    faces = torch.rand(3, 4, MIN_SIDE, MIN_SIDE, generator=torch.Generator().manual_seed(0))
    faces[:, 3] = 0
    faces[:, 3, 40:140, 40:140] = 1
    perfect = quality(faces[:, :3], faces, lambda a, b: (a - b).abs().mean())
    assert perfect == pytest.approx({"psnr": 100, "ssim": 1, "ms_ssim": 1, "lpips": 0}, abs=1e-5)
    # Only the face counts.
    outside = torch.where(faces[:, 3:] > 0, faces[:, :3], 0.5)
    assert quality(outside, faces, None)["psnr"] == 100
    # Off by 0.1 everywhere: 10 log10(1 / 0.01) dB.
    grey = torch.full((2, 4, MIN_SIDE, MIN_SIDE), 0.5)
    grey[:, 3] = 1
    assert quality(grey[:, :3] + 0.1, grey, None)["psnr"] == pytest.approx(20, abs=1e-3)
    grey[0, 3] = 0  # a face without a mask
    assert quality(grey[:, :3] + 0.1, grey, None)["psnr"] == pytest.approx(20, abs=1e-3)
    assert quality(grey[:1, :3] + 0.1, grey[:1], None) == {}
    decoded = reconstruct(load_model(run), faces, "bob")
    assert decoded.shape == (3, 3, MIN_SIDE, MIN_SIDE)
    assert not np.allclose(decoded, faces[:, :3])
