import json

import pytest

from faceswap.training.monitoring.curves import Curves
from faceswap.training.monitoring.evaluation_log import EvaluationLog
from faceswap.training.monitoring.held_out import Quality
from faceswap.training.monitoring.measurement import Measured, judge
from faceswap.training.monitoring.swap_score import SwapQuality
from faceswap.training.monitoring.swaps import Direction
from faceswap.training.run.progress import PhaseEntry, Progress


def measured(score=0.5, ssim=0.8):
    swap = SwapQuality(1.0, 0.5, 0.25, 3.0, ssim, score)
    return Measured({"alice": Quality(ssim, 0.1, 0.9)}, {Direction("alice", "bob"): swap})


def filled(path, steps=(0, 10, 20)):
    log = EvaluationLog(path, 0)
    for step in steps:
        log.note_losses({"alice": 0.2, "bob": 0.4})
        log.note_losses({"alice": 0.4, "bob": 0.6})
        log.add(measured(step / 100), Progress(step, 1.5 * step, phases=(PhaseEntry("detail"),)))
    return log


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_holds_all_of_an_evaluation(tmp_path):
    filled(tmp_path / "m.jsonl")
    last = lines(tmp_path / "m.jsonl")[-1]
    assert last == {
        "step": 20,
        "seconds": 30.0,
        "phase": "detail",
        "measure": "the swap score",
        "score": [0.2, 0.8],
        "losses": {"alice": pytest.approx(0.3), "bob": pytest.approx(0.5)},
        "identities": {"alice": {"ssim": 0.8, "l1": 0.1, "variety": 0.9}},
        "swaps": [
            {
                "source": "alice",
                "target": "bob",
                "found": 1.0,
                "identity": 0.5,
                "expression_error": 0.25,
                "pose_error": 3.0,
                "fidelity": 0.8,
                "score": 0.2,
            }
        ],
    }


def test_evaluations_after_the_newest_checkpoint_are_dropped(tmp_path):
    whole = filled(tmp_path / "m.jsonl").entries
    again = EvaluationLog(tmp_path / "m.jsonl", 10)
    assert again.entries == whole[:2]
    assert [line["step"] for line in lines(tmp_path / "m.jsonl")] == [0, 10]
    # After a rollback, an evaluation replaces those of its step and later ones.
    again.add(measured(), Progress(5))
    assert [line["step"] for line in lines(tmp_path / "m.jsonl")] == [0, 5]


def test_what_was_not_measured_is_null(tmp_path):
    log = EvaluationLog(tmp_path / "m.jsonl", 0)
    log.add(Measured({"alice": Quality(float("nan"), float("nan"))}), Progress())
    (line,) = lines(tmp_path / "m.jsonl")
    assert line["score"] == [None]
    assert line["identities"] == {"alice": {"ssim": None, "l1": None, "variety": None}}
    assert EvaluationLog(tmp_path / "m.jsonl", 0).entries == log.entries


@pytest.mark.parametrize(
    "damage", [b'{"step": 3}', b"{", b'{"step": "x"}', b"\x00", b"\xff", b"[]"]
)
def test_damaged_lines_are_left_out_with_one_warning(tmp_path, damage, caplog):
    path = tmp_path / "m.jsonl"
    whole = filled(path).entries
    first, *others = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([first, damage + b"\n", *others, damage]))
    log = EvaluationLog(path, 20)
    assert log.entries == whole
    (record,) = caplog.records
    assert "2 lines of" in record.getMessage()
    assert "line 2" in record.getMessage()
    log.add(measured(), Progress(30))
    assert [line["step"] for line in lines(path)] == [0, 10, 20, 30]


def test_lines_with_values_of_another_version_are_kept(tmp_path, caplog):
    path = tmp_path / "m.jsonl"
    whole = filled(path).entries
    path.write_text(path.read_text().replace('{"step"', '{"new": 1, "step"'))
    assert EvaluationLog(path, 20).entries == whole
    assert not caplog.records


def test_a_name_may_have_a_line_separator_of_unicode(tmp_path):
    path = tmp_path / "m.jsonl"
    log = EvaluationLog(path, 0)
    log.add(Measured({"a\u2028b": Quality(0.5, 0.1)}), Progress())
    assert EvaluationLog(path, 0).entries == log.entries


def drawn(tmp_path, *scores):
    curves, progress = Curves(tmp_path, "runs $1_a$ <b>", 0), Progress()
    progress.enter("generalise <i>", "")
    for step, score in enumerate(scores):
        progress.step = 10 * step
        result = measured(score) if score is not None else Measured({})
        curves.note_losses({"alice": 0.5})
        judge(result, progress, due=True)
        curves.add(result, progress)
    curves.draw(progress)
    return (tmp_path / "curves.html").read_text()


def test_the_page_shows_what_is_exported(tmp_path):
    page = drawn(tmp_path, 0.2, 0.6, 0.4)
    assert "of step 10, the best of 3 evaluations by the swap score (0.600)" in page
    assert "alice as bob" in page
    assert page.count("data:image/svg+xml") == 4
    assert "http" not in page.replace("http://www.w3.org", "").split("<body>")[0]
    assert "<b>" not in page


def test_the_page_of_a_training_without_held_out_faces(tmp_path):
    page = drawn(tmp_path, None, None)
    assert "the newest model is exported" in page
    assert page.count("data:image/svg+xml") == 1


def test_a_page_that_cannot_be_written_does_not_end_the_training(tmp_path, caplog):
    (tmp_path / "curves.html").mkdir()
    curves = Curves(tmp_path, "run", 0)
    for step in (0, 1):
        curves.add(measured(), Progress(step))
        curves.draw(Progress(step))
    assert caplog.text.count("is not written any more") == 1
