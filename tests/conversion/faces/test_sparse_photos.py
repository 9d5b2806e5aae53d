"""Facesets of every n-th photo in conversion."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from faceswap.conversion.faces.source_faces import faces_of_frames
from faceswap.core.errors import FacesetError
from faceswap.curation.copying import copy_faces
from faceswap.extraction.identities import People
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.media.hashed_source import hash_source
from faceswap.media.images import write_image
from faceswap.media.photos import ImageReader
from faceswap.media.sources import find_sources
from faceswap.people.references import Reference
from faceswap.people.wanted import WantedPeople
from tests.footage import plain_picture, portrait
from tests.people.colours import Colours

EVERY = 3
RED, BLUE = np.array((1.5, 0.7, 0.7)), np.array((0.7, 0.7, 1.5))


def tinted(colour, image=None):
    return (
        (np.float32(portrait() if image is None else image) * colour).clip(0, 255).astype(np.uint8)
    )


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Seven photos: red and blue together, each alone, nobody; the larger one is blue."""
    small = np.full((256, 256, 3), 90, np.uint8)
    small[28:228, 28:228] = cv2.resize(portrait(), (200, 200), interpolation=cv2.INTER_AREA)
    both = np.hstack([tinted(RED, small), tinted(BLUE)])
    pictures = [both, tinted(RED), tinted(BLUE), both, both, plain_picture(0), tinted(RED)]
    folder = tmp_path_factory.mktemp("photos")
    for number, picture in enumerate(pictures):
        write_image(folder / f"{number}.png", picture)
    return find_sources([folder])[0]


def extract(photos, path, people=None, **settings):
    extract_source(photos, path, ExtractSettings(every=EVERY, **settings), people=people)
    return Faceset.open(path)


def colours(photos, faceset, meshes=False):
    """Who is swapped in each photo: r, b."""
    frames = list(ImageReader(photos.files))
    found = faces_of_frames(iter(frames), faceset, hash_source(photos), "cpu", meshes=meshes)
    shown = []
    for frame, faces in found:
        vectors = [Colours()([frame.image], [face.landmarks])[0] for face in faces]
        shown.append("".join(sorted("r" if v[0] > v[2] else "b" for v in vectors)))
        assert all((face.mesh is not None) == meshes for face in faces)
    return shown


@pytest.fixture
def recognition(monkeypatch):
    monkeypatch.setattr("faceswap.conversion.faces.sparse_photos.build_recognizer", Colours)


def person(colour):
    vector = np.array(colour) - np.mean(colour)
    return Reference("photo", (vector / np.linalg.norm(vector)).astype(np.float32), "photo")


@pytest.fixture(scope="module")
def everyone(photos, tmp_path_factory):
    """Faceset without a selection, whose people are known."""
    return extract(photos, tmp_path_factory.mktemp("faces") / "all", People(Colours()))


def with_settings(faceset, **settings):
    """The faceset as if it had been extracted with other conditions, which change no row."""
    extractor = faceset.record["extractor"] | settings
    return replace(faceset, record=faceset.record | {"extractor": extractor})


def between(photos, faceset):
    """Who is swapped in the first three photos between those of the faceset."""
    shown = colours(photos, faceset)
    return [shown[index] for index in (1, 2, 4)]


@pytest.mark.parametrize("meshes", [True, False])
def test_all_faces_of_the_photos_between_are_found(photos, everyone, meshes):
    assert len(everyone.faces()) == 5
    assert colours(photos, everyone, meshes) == ["br", "r", "b", "br", "br", "", "r"]


def test_conditions_of_the_extraction_hold_between(photos, everyone):
    faces = everyone.faces()
    size = sum(face.size for face in faces[:2]) / 2
    sharpest = max(face.sharpness for face in faces)
    for condition, expected in (
        ({"min_size": int(size)}, ["r", "b", "b"]),
        ({"max_faces": 1}, ["r", "b", "b"]),
        ({"yaw": [60.0, None]}, ["", "", ""]),
        ({"min_sharpness": 0.5 * sharpest}, ["r", "b", "br"]),
        ({"min_sharpness": 2 * sharpest}, ["", "", ""]),
    ):
        assert between(photos, with_settings(everyone, **condition)) == expected, condition


def test_photos_outside_the_span_are_not_searched(photos, tmp_path):
    faceset = extract(photos, tmp_path / "faces", first_frame=2, end_frame=4)
    assert colours(photos, faceset) == ["", "", "b", "br", "", "", ""]


@pytest.mark.usefixtures("recognition")
@pytest.mark.parametrize("option", ["only", "not"])
def test_people_who_were_left_out_stay_as_they_are(photos, tmp_path, option):
    only, unwanted = WantedPeople(only=(person(RED),)), WantedPeople(exclude=(person(BLUE),))
    wanted = only if option == "only" else unwanted
    faceset = extract(photos, tmp_path / "faces", People(Colours(), wanted))
    assert colours(photos, faceset) == ["r", "r", "", "r", "r", "", "r"]


def test_the_largest_face_is_kept(photos, everyone):
    assert between(photos, with_settings(everyone, largest=True)) == ["r", "b", "b"]


@pytest.mark.usefixtures("recognition")
def test_a_choice_of_faces_tells_who_is_swapped_between(photos, everyone, tmp_path):
    people = [{face.person for face in everyone.faces() if face.frame == i} for i in (0, 6)]
    (blue,) = people[0] - people[1]
    chosen = [face for face in everyone.faces() if face.person == blue]
    copy_faces(everyone, chosen, tmp_path / "blue")
    assert colours(photos, Faceset.open(tmp_path / "blue")) == ["b", "", "b", "b", "b", "", ""]


def test_a_choice_of_unknown_people_is_refused(photos, tmp_path):
    faceset = extract(photos, tmp_path / "faces")
    copy_faces(faceset, faceset.faces()[:1], tmp_path / "one")
    with pytest.raises(FacesetError, match="found none: who is left out"):
        colours(photos, Faceset.open(tmp_path / "one"))
