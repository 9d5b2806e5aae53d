from faceswap.core.peers import ALONE, Peers
from faceswap.training.agreement import compare_starts
from faceswap.training.run.run_directory import RunDirectory


def test_paths_that_only_the_first_process_reads_may_differ(tmp_path, monkeypatch):
    compared = {}
    monkeypatch.setattr(Peers, "require_same", lambda self, found, hint: compared.update(found))
    settings = {
        "model": {"name": "small", "start_from": ["/elsewhere/runs/old"]},
        "output": {"keep": 2, "preview_faces": {"alice": "/elsewhere/faces"}},
    }
    compare_starts(ALONE, settings, {}, RunDirectory(tmp_path / "run"), "a training")
    assert compared["model.name"] == "small"
    assert compared["output.keep"] == 2
    assert not any("/elsewhere" in str(value) for value in compared.values())
