"""Evaluation of runs of guided models."""

import numpy as np
import pytest

from faceswap.conversion.guidance import Guidance
from faceswap.evaluation.face_finder import FaceFinder
from faceswap.evaluation.frame_scoring import FrameScorer
from faceswap.evaluation.guided_faces import guide_faces
from faceswap.evaluation.runs import Candidate, common_held_out, evaluate_runs, open_runs
from faceswap.models.anchored.network import AnchoredAutoencoder
from faceswap.models.model_file import save_model
from tests.conversion.guided import guided_model, stored_references
from tests.evaluation.conftest import Colours


@pytest.fixture(scope="module")
def candidate(make_run, facesets) -> Candidate:
    """An untrained run whose references are training faces."""
    path = make_run("guided")
    (run,) = open_runs([path], "cpu")
    references = {}
    for name, pairs in run.training.items():
        rows = {face.image: row for row, face in enumerate(facesets[name].faces())}
        references[name] = stored_references(
            facesets[name], [rows[face.image] for _, face in pairs]
        )
    loaded = guided_model(**references)
    save_model(path / "model", loaded.model, loaded.meta)
    return open_runs([path], "cpu")[0]


def test_a_guided_run_is_scored_without_any_training(candidate):
    faces = common_held_out([candidate], 3)
    found = evaluate_runs(
        [candidate],
        faces,
        FrameScorer(FaceFinder(), Colours()),
        recognizer=Colours(),
        lpips=None,
        baseline=True,
    )
    for comparison in found.comparisons:
        values = {result.method: result.summary.values for result in comparison.results}
        # Held-out faces are hardly different from their neighbours, which are references.
        assert values["guided"]["face_found"] == 1
        assert values["guided"]["expression_error"] < 0.05
        own = values["guided, reconstructed"]
        assert own["similarity_source"] > 0.95
        assert values["guided"]["similarity_source"] < own["similarity_source"]
    assert len(found.reconstructions) == 2
    for reconstruction in found.reconstructions:
        assert reconstruction.values["ssim"] > 0.8


def test_faces_of_consecutive_frames_are_planned_together(candidate):
    model = candidate.loaded.model
    assert isinstance(model, AnchoredAutoencoder)
    guidance = Guidance(model, "bob", candidate.loaded.coverage)
    faces = candidate.held_out["alice"]
    planned = []

    def guide_track(piece, neutral):
        np.testing.assert_array_equal(neutral, guidance.neutral_of_identity("alice"))
        planned.append(len(piece))
        return piece

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guidance, "guide_track", guide_track)
        guided = guide_faces(faces, guidance, "alice")
    frames = [face.frame for _, face in faces]
    gaps = np.flatnonzero(np.diff(frames) != 1)
    assert planned == [len(piece) for piece in np.split(frames, gaps + 1)]
    assert max(planned) > 1
    for (_, face), found in zip(faces, guided, strict=True):
        np.testing.assert_array_equal(found.landmarks, face.landmarks)
