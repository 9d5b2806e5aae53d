"""Runs that are opened to be evaluated: their facesets, and the faces that all of them held out."""

import pytest

from faceswap.core.documents import read_json
from faceswap.core.errors import FacesetError, IdentityError
from faceswap.core.files import write_json
from faceswap.evaluation.candidates import common_held_out, open_runs


def test_runs_of_different_identities_are_rejected(run, make_run):
    other = make_run("others", {"carol": "alice", "dave": "bob"})
    with pytest.raises(IdentityError, match="carol"):
        common_held_out(open_runs([run, other], "cpu"), 5)


def test_changed_facesets_are_rejected(make_run, facesets):
    run = make_run("changed")
    manifest = run / "manifest.json"
    before = facesets["alice"].content_hash()
    manifest.write_text(manifest.read_text().replace(before, "0" * 64))
    with pytest.raises(FacesetError, match="trained on"):
        open_runs([run], "cpu")


def test_moved_facesets_are_found_again_and_remembered(make_run, facesets, tmp_path):
    run = make_run("moved")
    manifest = read_json(run / "manifest.json")
    for name in ("alice", "bob"):
        manifest["data"][name][0]["path"] = str(tmp_path / "old" / name)
    write_json(run / "manifest.json", manifest)
    with pytest.raises(FacesetError, match="alice is no longer in") as caught:
        open_runs([run], "cpu")
    assert "--faces alice=" in caught.value.hint
    moved = {name: [facesets[name].path] for name in ("alice", "bob")}
    with pytest.raises(FacesetError, match="differ from those"):
        open_runs([run], "cpu", {**moved, "alice": [facesets["carol"].path]})
    with pytest.raises(IdentityError, match="'carol'"):
        open_runs([run], "cpu", {**moved, "carol": [facesets["carol"].path]})
    (found,) = open_runs([run], "cpu", moved)
    (again,) = open_runs([run], "cpu")
    assert len(again.held_out["alice"]) == len(found.held_out["alice"]) > 0


def test_model_without_run_is_rejected(run):
    with pytest.raises(FacesetError, match="Expected a run folder"):
        open_runs([run / "model"], "cpu")
