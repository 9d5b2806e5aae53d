"""Evaluation of runs of guided models."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from faceswap.conversion.faces.guidance import Guidance
from faceswap.conversion.faces.source_faces import batch_guides
from faceswap.conversion.swap.swapper import SwappedFrame
from faceswap.evaluation.candidates import Candidate, common_held_out, open_runs
from faceswap.evaluation.face_finder import FaceFinder
from faceswap.evaluation.footage import clip_names, load_samples
from faceswap.evaluation.frame_scoring import FrameScorer
from faceswap.evaluation.guided_faces import guide_faces, own_guides
from faceswap.evaluation.methods import Model
from faceswap.evaluation.runs import evaluate_runs
from faceswap.models.guided import GuidedAutoencoder
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
        assert values["guided"]["face_found"] == 1
        assert values["guided"]["expression_error"] < 0.05
        own = values["guided, reconstructed"]
        assert own["similarity_source"] > 0.95
        assert values["guided"]["similarity_source"] < own["similarity_source"]
    assert len(found.reconstructions) == 2
    for reconstruction in found.reconstructions:
        assert reconstruction.values["ssim"] > 0.8


def test_held_out_faces_are_reconstructed_without_their_neighbours_in_time(candidate):
    held_out, training = candidate.held_out["alice"], candidate.training["alice"]
    guides = own_guides(candidate.loaded, held_out, training, "alice")
    assert guides is not None
    shown = guides.references[guides.weights > 0].reshape(len(held_out), -1)
    frames = np.array([face.frame for _, face in training])
    gaps = np.abs(frames[shown] - np.array([[face.frame] for _, face in held_out]))
    assert gaps.min() > 15
    # As conversion plans them, they would be shown their neighbours.
    guidance = Guidance(candidate.loaded.model, "alice", candidate.loaded.coverage)
    planned = batch_guides(guide_faces(held_out, guidance, "alice"))
    assert np.abs(frames[planned.references[:, 0]] - held_out[0][1].frame).min() <= 15


def planned_pieces(candidate, faces):
    """Numbers of faces that are planned together, and the guided faces."""
    model = candidate.loaded.model
    assert isinstance(model, GuidedAutoencoder)
    guidance = Guidance(model, "bob", candidate.loaded.coverage)
    planned = []

    def guide_track(piece, neutral):
        np.testing.assert_array_equal(neutral, guidance.neutral_of_identity("alice"))
        planned.append(len(piece))
        return piece

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guidance, "guide_track", guide_track)
        return planned, guide_faces(faces, guidance, "alice")


def test_faces_of_consecutive_frames_are_planned_together(candidate):
    faces = candidate.held_out["alice"]
    planned, guided = planned_pieces(candidate, faces)
    frames = [face.frame for _, face in faces]
    gaps = np.flatnonzero(np.diff(frames) != 1)
    assert planned == [len(piece) for piece in np.split(frames, gaps + 1)]
    assert max(planned) > 1
    for (_, face), found in zip(faces, guided, strict=True):
        np.testing.assert_array_equal(found.landmarks, face.landmarks)


def test_photos_are_planned_each_by_itself(candidate):
    faceset = candidate.held_out["alice"][0][0]
    source = faceset.record["source"] | {"kind": "images"}
    photos = replace(faceset, record=faceset.record | {"source": source})
    planned, _ = planned_pieces(candidate, [(photos, face) for face in photos.faces()[:4]])
    assert planned == [1, 1, 1, 1]


def test_facesets_of_one_name_have_their_own_guides(candidate, facesets):
    """Two clips of one name, whose faces in the same frame are in other poses."""
    first, second = (
        replace(facesets[name], record=facesets[name].record | {"source": source})
        for name in ("alice", "carol")
        for source in [facesets[name].record["source"] | {"name": "clip"}]
    )
    pairs = [(faceset, face) for faceset in (first, second) for face in faceset.faces()[3:5]]
    assert list(clip_names(pairs).values()) == ["clip #1", "clip #2"]
    assert list(clip_names(pairs[:2]).values()) == ["clip"]
    model = Model(candidate.loaded, "bob", "alice", pairs)
    shown = []

    def watch(found, video):
        assert not video
        for frame, faces in found:
            shown.extend(faces)
            yield SwappedFrame(frame, ())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "_swapper", watch)
        for part, clip in ((pairs[:2], "clip #1"), (pairs[2:], "clip #2")):
            for sample in load_samples(part[0][0], [face for _, face in part], None, clip):
                model(sample)
    guidance = Guidance(candidate.loaded.model, "bob", candidate.loaded.coverage)
    expected = batch_guides(guide_faces(pairs, guidance, "alice")).shape
    assert torch.equal(batch_guides(shown).shape, expected)
    assert not torch.equal(expected[0], expected[2])
