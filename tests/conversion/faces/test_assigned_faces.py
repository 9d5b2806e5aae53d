"""The faces of a video that are swapped: with their identities, without deleted ones."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap.conversion.faces.assigned_faces import AssignedFaces
from faceswap.conversion.faces.assignment import Assignment
from faceswap.conversion.faces.shots import Changes, find_changes
from faceswap.conversion.faces.targets import Rule, Targets
from faceswap.core.errors import NoFacesError
from faceswap.facesets.faceset import Faceset
from faceswap.media.sources import Source, find_sources
from faceswap.people.references import Reference
from faceswap.recognizers.mobilefacenet import normalised
from tests.conversion.parts import of_frame
from tests.footage import moving_portrait, plain_picture, write_clip
from tests.people.colours import BLUE, GREEN, RED, Colours, face_row, write_tracks

FRAMES = 24
TRACKS = [[RED] * FRAMES, [BLUE] * 8 + [None] * 8 + [BLUE] * 8, [None] * 4 + [GREEN] * 16]


def drawn(index: int) -> np.ndarray:
    """The faces of the tracks, as discs in the colours of the people."""
    image = np.full((340, 256, 3), 127, np.uint8)
    for face, colours in enumerate(TRACKS):
        colour = colours[index] if index < len(colours) else None
        if colour is not None:
            x, y = face_row(index, face, face)["landmarks"].mean(0).round().astype(int).tolist()
            cv2.circle(image, (x, y), 40, colour, -1)
    return image


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Source:
    path = write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", FRAMES, drawn, sound=False)
    return find_sources([path])[0]


@pytest.fixture
def path(tmp_path) -> Path:
    """A faceset of the tracks, without embeddings."""
    return write_tracks(tmp_path / "faces", TRACKS)


def assignment(*rules: Rule, recognises: bool = False, **settings) -> Assignment:
    recognizer = Colours() if recognises else None
    return Assignment(Targets(rules, recognizer=recognizer, **settings), "clip")


def track_opacities(faces: AssignedFaces, track: int) -> dict[int, float]:
    every = ((index, face) for index in range(FRAMES) for face in of_frame(faces, index))
    return {index: round(face.opacity, 6) for index, face in every if face.track == track}


def test_each_track_has_one_identity_and_others_are_left_out(path, source):
    rules = assignment(Rule("track:0", "bob", track=0), Rule("track:2", "carol", track=2))
    faces = AssignedFaces(Faceset.open(path), source, rules)
    found = {
        index: [(face.track, face.to) for face in of_frame(faces, index)] for index in range(FRAMES)
    }
    both = [(0, "bob"), (2, "carol")]
    assert found == {index: both if 4 <= index < 20 else both[:1] for index in range(FRAMES)}
    assert rules.notes() == []


def test_tracks_fade_within_the_shot_and_gaps_are_bridged(path, source):
    faces = AssignedFaces(Faceset.open(path), source, assignment(Rule("all", "bob"), fade=1))
    assert {*track_opacities(faces, 0).values()} == {1.0}
    assert track_opacities(faces, 1) == dict.fromkeys(range(FRAMES), 1.0)
    fading = {4: 0.5, 19: 0.5}
    # Found three frames after the first one, and lost three frames before the end: moved since.
    assert track_opacities(faces, 2) == {index: fading.get(index, 1.0) for index in range(4, 20)}


def test_faces_in_bridged_gaps_lie_between_their_neighbours(path, source):
    faceset = Faceset.open(path)
    faces = AssignedFaces(faceset, source, assignment(Rule("track:1", "bob", track=1)))
    before, between, after = (of_frame(faces, index)[0].landmarks for index in (7, 10, 16))
    np.testing.assert_allclose(between, before + (after - before) / 3, atol=1e-4)


@pytest.mark.parametrize("deleted", [False, True])
def test_a_face_that_is_not_swapped_is_not_covered_in_a_gap(deleted, tmp_path, source):
    passing = [None] * 10 + [RED] * 3 + [None] * 11
    path = write_tracks(tmp_path / "passing", [passing, *TRACKS[1:]], places=(1, 1, 2))
    if deleted:
        for frame in range(10, 13):
            (path / "images" / f"{frame:06d}-1.png").unlink()
    rules = assignment(Rule("track:1", "bob", track=1), fade=1)
    faces = AssignedFaces(Faceset.open(path), source, rules)
    opacity = track_opacities(faces, 1)
    assert sorted(opacity) == [*range(8), *range(16, FRAMES)]
    assert (opacity[7], opacity[16]) == (0.5, 0.5)


def test_deleted_faces_are_not_swapped_and_their_gap_is_not_bridged(path, source):
    for frame in range(9, 12):
        (path / "images" / f"{frame:06d}-0.png").unlink()
    everyone = assignment(Rule("all", "bob"), fade=1)
    faces = AssignedFaces(Faceset.open(path), source, everyone)
    opacity = track_opacities(faces, 0)
    assert sorted(opacity) == [*range(9), *range(12, FRAMES)]
    assert (opacity[8], opacity[12]) == (0.5, 0.5)
    assert everyone.notes() == ["3 faces deleted from the faceset: swapped nowhere."]


def test_people_are_recognised_in_the_frames_where_a_faceset_has_no_embeddings(path, source):
    def reference(name: str, colour: tuple[int, int, int]) -> Reference:
        return Reference(name, normalised(np.subtract(colour, np.mean(colour))), name)

    for image in (path / "images").iterdir():
        image.write_bytes(b"no longer a crop")  # the frames decide
    rules = assignment(
        Rule("red.jpg", "bob", reference=reference("red.jpg", RED)),
        Rule("blue.jpg", "carol", reference=reference("blue.jpg", BLUE)),
        recognises=True,
    )
    faces = AssignedFaces(Faceset.open(path), source, rules)
    assert [(face.track, face.to) for face in of_frame(faces, 5)] == [(0, "bob"), (1, "carol")]
    cyan = Rule("cyan.jpg", "bob", reference=reference("cyan.jpg", (60, 220, 220)))
    only = assignment(cyan, recognises=True, threshold=0.9)
    with pytest.raises(NoFacesError, match=r"Nobody in clip matches cyan.jpg: .* reaches 0\.5"):
        AssignedFaces(Faceset.open(path), source, only)


def test_cuts_are_found_among_the_frames_that_are_asked_for(tmp_path):
    def picture(index: int) -> np.ndarray:
        return (plain_picture if 10 <= index < 20 else moving_portrait)(index)

    (source,) = find_sources([write_clip(tmp_path / "cuts.mp4", 30, picture, sound=False)])
    assert find_changes(source, range(30)).cuts == {10, 20}
    assert find_changes(source, [0, 9, 20, 21, 40]).cuts == {20}
    assert find_changes(source, []) == Changes(set(), set())


@pytest.mark.parametrize("cover", [plain_picture(0)[80:140, 90:150], 90])
def test_a_place_is_new_where_something_covers_it(cover, tmp_path):
    def picture(index: int) -> np.ndarray:
        image = moving_portrait(index)
        if index >= 5:
            image[80:140, 90:150] = cover
        return image

    (source,) = find_sources([write_clip(tmp_path / "bar.mp4", 8, picture, sound=False)])
    face, beside = np.array([95, 85, 145, 135]), np.array([10, 10, 60, 60])
    places = [(4, face), (5, face), (5, beside), (6, face), (5, face + 500)]
    assert find_changes(source, [5], places) == Changes(set(), {1})
    # Places are those of the frame as it is displayed.
    wide = np.array([2, 1, 2, 1])
    assert find_changes(source, [], [(5, face * wide), (5, beside * wide)], 2.0).places == {0}
