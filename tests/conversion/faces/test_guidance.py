"""Geometry and references of the faces of clips and photos."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from faceswap.conversion.faces import guided_frames
from faceswap.conversion.faces.guidance import ClipGuidance, Guidance
from faceswap.conversion.faces.guided_frames import guide_photos, guide_windows
from faceswap.conversion.faces.source_faces import SourceFace, batch_guides
from faceswap.core.errors import IdentityError, ModelFileError
from faceswap.data.guides import best_guides
from faceswap.data.references import FaceGeometry
from faceswap.geometry.alignment import normalised_matrix
from faceswap.geometry.mesh_shape import fit_shape, neutral_mesh
from faceswap.geometry.outline import outline_weights
from faceswap.geometry.similarity import fit_similarity
from faceswap.media.frame import Frame
from faceswap.models import build_model
from faceswap.models.guided import GuidedAutoencoder
from tests.conversion.faces.listed_faces import ListedFaces
from tests.conversion.guided import (
    COVERAGE,
    OPENINGS,
    SIDE,
    face_at,
    guidance_to,
    guided_model,
    normalised,
    reference_set,
    synthetic_people,
)

IMAGE = np.zeros((2, 2, 3), np.uint8)


@pytest.fixture(scope="module")
def guidance() -> Guidance:
    return guidance_to("bob")


def talking(frames: int, width: float = 1.0, track: int = 0) -> list[SourceFace]:
    """A track that is at rest, and opens its mouth in the middle third."""
    third = frames // 3
    openings = [0.0] * third + [0.21] * third + [0.0] * (frames - 2 * third)
    return [
        face_at(100 + i, opening, width, yaw=10 * np.sin(i / 9), track=track)
        for i, opening in enumerate(openings)
    ]


def guide_clip(clip: Sequence[Sequence[SourceFace]], guidance: Guidance) -> list[list[SourceFace]]:
    planned = ClipGuidance(ListedFaces(clip), lambda _: guidance)
    return [planned.faces(index) for index in range(len(clip))]


def shown_references(face: SourceFace, half: int) -> dict[int, float]:
    """Weight of each reference that is shown for half of a face."""
    assert face.guides is not None
    part = slice(2 * half, 2 * half + 2)
    weights: dict[int, float] = {}
    for reference, weight in zip(
        face.guides.references[part].tolist(), face.guides.weights[part].tolist(), strict=True
    ):
        weights[reference] = weights.get(reference, 0) + weight
    return {reference: weight for reference, weight in weights.items() if weight}


def test_an_open_mouth_is_shown_by_the_reference_that_has_it(guidance):
    guided = [faces[0] for faces in guide_clip([[face] for face in talking(90)], guidance)]
    mouths = [shown_references(face, 1) for face in guided]
    assert mouths[10] == mouths[80] == {0: 1}
    assert mouths[45] == {OPENINGS.index(0.2): 1}
    # Transitions take a few frames.
    assert sum(len(mouth) == 2 for mouth in mouths) == pytest.approx(16, abs=4)
    for mouth in mouths:
        assert sum(mouth.values()) == pytest.approx(1)


def test_the_halves_of_a_face_are_shown_by_the_references_that_have_its_eyes_and_its_mouth():
    rest, yawning, staring = (0.0, 0.04), (0.2, 0.0), (0.1, 0.08)  # mouth, eyes
    references = [face_at(opening=mouth, eyes=eyes) for mouth, eyes in (rest, yawning, staring)]
    plain = np.full((len(references), SIDE, SIDE, 3), 128, np.uint8)
    guidance = guidance_to("bob", guided_model(bob=reference_set(references, plain)))
    # Between rests: an open mouth, closed eyes, and an open mouth below wide eyes.
    shown = [rest, (0.2, 0.04), rest, (0.0, 0.0), rest, (0.2, 0.08)]
    faces = [face_at(100 + i, shown[i // 20][0], eyes=shown[i // 20][1]) for i in range(120)]
    guided = [frame[0] for frame in guide_clip([[face] for face in faces], guidance)]
    for half, expected in ((0, [0, 0, 0, 1, 0, 2]), (1, [0, 1, 0, 0, 0, 1])):
        found = [shown_references(face, half) for face in guided]
        for start, reference in zip(range(0, 120, 20), expected, strict=True):
            steady = found[start + 4 * (start > 0) : start + 20 - 4 * (start < 100)]
            assert steady == [{reference: 1}] * len(steady)


def test_a_face_at_rest_shows_the_target_at_rest(guidance):
    faces = [face_at(100 + i, width=1.1) for i in range(30)]
    (guided,) = guide_clip([[face] for face in faces], guidance)[20]
    assert guided.guides is not None
    shape = guided.guides.shape.numpy()
    inside = outline_weights(neutral_mesh(face_at(width=0.8).dense_mesh()[None]))[:, 0] == 0
    assert inside.sum() > 100
    apart = [
        np.abs(fit_similarity(person, shape[inside]).apply(person) - shape[inside]).max()
        for person in (normalised(face_at(width=width))[inside] for width in (0.8, 1.1))
    ]
    assert apart[0] < 0.002  # bob
    assert apart[1] > 0.05  # the source


def test_the_outline_is_that_of_the_source(guidance):
    (guided,) = guidance.guide_photo([face_at(width=1.1)])
    assert guided.guides is not None
    shape, own = guided.guides.shape.numpy(), normalised(face_at(width=1.1))
    around = [10, 152, 127, 356, 162, 389, 234, 454, 58, 288]
    np.testing.assert_allclose(shape[around], own[around], atol=1e-5)
    eyes = shape[[33, 263]], own[[33, 263]]
    assert np.ptp(eyes[0][:, 0]) < 0.95 * np.ptp(eyes[1][:, 0])  # bob's


def test_each_track_has_its_own_neutral_mesh(guidance):
    wide, narrow = talking(60, 1.15, track=5), talking(60, 0.9, track=7)
    together = guide_clip(list(zip(wide, narrow, strict=True)), guidance)
    for place, alone in enumerate((wide, narrow)):
        expected = guide_clip([[face] for face in alone], guidance)
        for faces, (face,) in zip(together, expected, strict=True):
            assert faces[place].track == face.track
            both = batch_guides([faces[place]]), batch_guides([face])
            for found, wanted in zip(*both, strict=True):
                np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(("name", "width"), [("alice", 1.2), ("bob", 0.8)])
def test_few_faces_have_the_neutral_mesh_of_the_identity_that_explains_them(guidance, name, width):
    faces = [face_at(opening=0.2, width=width, yaw=yaw) for yaw in range(24)]
    known = guidance.neutral_of_faces(faces)
    np.testing.assert_array_equal(known, guidance.neutral_of_identity(name))
    more = guidance.neutral_of_faces([*faces, faces[0]])
    assert np.abs(more - known).max() > 0.1  # their own: the mouth is always open


def test_a_person_who_was_lost_keeps_their_shape(guidance):
    person, other = talking(60, 1.1, track=1), talking(60, 0.95, track=2)
    again = [face_at(130, 0.1, 1.1, yaw, track=3) for yaw in range(5)]
    clip = [*map(list, zip(person, other, strict=True)), *([face] for face in again)]
    wanted = guidance.neutral_of_faces(person)
    expected = guidance.guide_track(again, wanted)
    for faces, one in zip(guide_clip(clip, guidance)[60:], expected, strict=True):
        assert faces[0].guides is not None
        assert one.guides is not None
        np.testing.assert_array_equal(faces[0].guides.shape, one.guides.shape)
    alone = guide_clip([[face] for face in again], guidance)[0][0]
    assert alone.guides is not None
    assert expected[0].guides is not None
    assert np.abs(alone.guides.shape - expected[0].guides.shape).max() > 0.01


def test_a_track_that_begins_at_the_end_of_a_window_gets_its_own_neutral_mesh(guidance):
    late = talking(60, 1.1, track=4)
    clip = [[] for _ in range(60)] + [[face] for face in late]
    guided = [faces for _, faces in guide_windows(frames_of(clip), guidance)]
    own = guidance.guide_track(late, guidance.neutral_of_faces(late))
    few = guidance.guide_track(late, guidance.neutral_of_faces(late[:4]))
    # The first window shows four of its faces.
    last = [face for faces in guided for face in faces]
    found, own, few = (batch_guides(one[50:]).shape for one in (last, own, few))
    np.testing.assert_allclose(found, own, atol=1e-5)
    assert np.abs(found - few).max() > 0.01


def test_tracks_that_have_ended_are_forgotten(guidance, monkeypatch):
    known: list[int] = []
    current = guided_frames._current_tracks

    def counting(*given):
        tracks = current(*given)
        known.append(len(tracks))
        return tracks

    monkeypatch.setattr(guided_frames, "_current_tracks", counting)
    clip = [[face_at(track=index // 10)] for index in range(400)]
    assert len(list(guide_windows(frames_of(clip), guidance))) == 400
    assert len(known) > 7
    assert max(known) <= 9  # a window and the frames before it, of 10 frames a track


def test_faces_of_facesets_are_guided_like_those_of_a_clip(guidance):
    """Previews show the geometry that conversion shows."""
    faces = talking(60)[::9]
    meshes = np.stack([face.dense_mesh() for face in faces])
    alice = guidance.neutral_of_identity("alice")
    matrices = np.stack([normalised_matrix(face.landmarks, COVERAGE) for face in faces])
    geometry = FaceGeometry(fit_shape(meshes, alice), matrices.astype(np.float64))
    model = synthetic_people().model
    assert isinstance(model, GuidedAutoencoder)
    found = best_guides(geometry, model.references_of("bob"))
    alone = [guidance.guide_track([face], alice)[0] for face in faces]
    for one, other in zip(found, batch_guides(alone), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


def test_pieces_of_a_long_track_are_planned_like_the_whole(guidance):
    meshes = np.stack([face.dense_mesh() for face in talking(120)])
    neutral = guidance.neutral_of(meshes)
    whole = guidance.plan([meshes], neutral)
    pieces = guidance.plan(np.split(meshes, 12), neutral, piece=30)
    for found, wanted in zip(pieces, whole, strict=True):
        np.testing.assert_array_equal(found, wanted)


def frames_of(clip: Sequence[Sequence[SourceFace]], read: list[int] | None = None):
    for index, faces in enumerate(clip):
        if read is not None:
            read.append(index)
        yield Frame(index, index, float(index), IMAGE), faces


@pytest.mark.parametrize("length", [1, 48, 64, 65, 150])
def test_windows_keep_every_frame_and_face(guidance, length):
    clip = [[face] if index % 7 else [] for index, face in enumerate(talking(length))]
    guided = list(guide_windows(frames_of(clip), guidance))
    assert [frame.index for frame, _ in guided] == list(range(length))
    assert [len(faces) for _, faces in guided] == [len(faces) for faces in clip]
    for (_, faces), given in zip(guided, clip, strict=True):
        for face, one in zip(faces, given, strict=True):
            np.testing.assert_array_equal(face.landmarks, one.landmarks)
            assert face.guides is not None


def test_windows_agree_with_the_whole_clip(guidance):
    clip = [[face] for face in talking(180)]
    windows = [faces[0] for _, faces in guide_windows(frames_of(clip), guidance)]
    whole = [faces[0] for faces in guide_clip(clip, guidance)]
    for half in (0, 1):
        for one, other in zip(windows, whole, strict=True):
            assert shown_references(one, half) == pytest.approx(shown_references(other, half))
    for one, other in zip(batch_guides(windows)[1:], batch_guides(whole)[1:], strict=True):
        # A reference without weight is not seen.
        weighted = batch_guides(whole).weights > 0
        torch.testing.assert_close(one[weighted], other[weighted])


def test_a_window_is_read_at_a_time(guidance):
    read: list[int] = []
    next(iter(guide_windows(frames_of([[face] for face in talking(180)], read), guidance)))
    assert len(read) == 64


def test_each_photo_has_its_nearest_references(guidance):
    openings = [0.29, 0.02, 0.19]
    photos = [[face_at(opening=one, width=0.8)] for one in openings]
    guided = [faces[0] for _, faces in guide_photos(frames_of(photos), lambda _: guidance)]
    assert [shown_references(face, 1) for face in guided] == [{3: 1}, {0: 1}, {2: 1}]


def test_a_face_without_guides_is_not_dropped(guidance):
    (guided,) = guidance.guide_photo([face_at()])
    with pytest.raises(AssertionError, match="without guides"):
        batch_guides([guided, face_at()])


def test_a_model_without_references_is_an_error():
    model = build_model("anchored", ["a", "b"], {"size": 64, "detail": 64})
    assert isinstance(model, GuidedAutoencoder)
    with pytest.raises(ModelFileError, match="no reference crops of 'b'"):
        Guidance(model, "b", COVERAGE)
    with pytest.raises(IdentityError, match="no identity 'c'"):
        Guidance(model, "c", COVERAGE)


def test_tracks_are_guided_towards_their_own_identities():
    loaded = synthetic_people()
    guidances = {name: guidance_to(name, loaded) for name in ("alice", "bob")}
    first, second = talking(30, 1.1, track=1), talking(30, 0.95, track=2)
    clip = [
        [replace(one, to="alice"), replace(other, to="bob")]
        for one, other in zip(first, second, strict=True)
    ]
    found = ClipGuidance(ListedFaces(clip), guidances.__getitem__).faces(15)
    for face, name, track in zip(found, ("alice", "bob"), (first, second), strict=True):
        guidance = guidances[name]
        expected = guidance.guide_track(track, guidance.neutral_of_faces(track))[15]
        assert (face.to, face.track) == (name, expected.track)
        for one, other in zip(batch_guides([face]), batch_guides([expected]), strict=True):
            torch.testing.assert_close(one, other)
    photo = next(iter(guide_photos(frames_of(clip[:1]), guidances.__getitem__)))[1]
    assert [face.to for face in photo] == ["alice", "bob"]
    shapes = batch_guides(photo).shape
    assert (shapes[0] - shapes[1]).abs().max() > 0.01


def test_a_short_track_finds_its_person_among_many(guidance):
    """Only the most similar people are compared in full, whatever their order."""
    widths = np.linspace(0.85, 1.15, 25)
    people = [guidance.neutral_of_faces(talking(30, width)) for width in widths]
    faces = [face_at(opening=0.2, width=widths[20], yaw=yaw) for yaw in range(-8, 8, 4)]
    short = np.stack([face.dense_mesh() for face in faces])
    for others in (people, people[::-1]):
        np.testing.assert_array_equal(guidance.neutral_of(short, others), people[20])
