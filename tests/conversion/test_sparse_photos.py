"""Facesets of every n-th photo in conversion."""

import cv2
import numpy as np
import pytest

from faceswap.conversion.faces import complete_faces
from faceswap.core.errors import FacesetError
from faceswap.curation.copying import copy_faces
from faceswap.extraction.identities import People
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.selection import Selection
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
    found = complete_faces(iter(frames), faceset, hash_source(photos), "cpu", meshes=meshes)
    shown = []
    for frame, faces in found:
        vectors = [Colours()([frame.image], [face.landmarks])[0] for face in faces]
        shown.append("".join(sorted("r" if v[0] > v[2] else "b" for v in vectors)))
        assert all((face.mesh is not None) == meshes for face in faces)
    return shown


@pytest.fixture
def recognition(monkeypatch):
    monkeypatch.setattr("faceswap.conversion.sparse_photos.build_recognizer", Colours)


def person(colour):
    vector = np.array(colour) - np.mean(colour)
    return Reference("photo", (vector / np.linalg.norm(vector)).astype(np.float32), "photo")


def test_all_faces_of_the_photos_between_are_found(photos, tmp_path):
    faceset = extract(photos, tmp_path / "faces")
    assert len(faceset.faces()) == 5
    expected = ["br", "r", "b", "br", "br", "", "r"]
    assert colours(photos, faceset, meshes=True) == expected
    assert colours(photos, faceset) == expected


def test_conditions_of_the_extraction_hold_between(photos, tmp_path):
    everyone = extract(photos, tmp_path / "faces").faces()
    size = sum(face.size for face in everyone[:2]) / 2
    large = extract(photos, tmp_path / "large", selection=Selection(min_size=int(size)))
    assert colours(photos, large) == ["b", "r", "b", "b", "b", "", "r"]
    one = Selection(max_faces=1)
    assert colours(photos, extract(photos, tmp_path / "one", selection=one))[4] == "b"


def test_blurred_faces_of_the_photos_between_are_left_out(photos, tmp_path):
    faceset = extract(photos, tmp_path / "faces")
    sharpest = max(face.sharpness for face in faceset.faces())
    for least, expected in ((0.5 * sharpest, ["r", "b"]), (2 * sharpest, ["", ""])):
        faceset.record["extractor"]["min_sharpness"] = least
        assert colours(photos, faceset)[1:3] == expected


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


@pytest.mark.usefixtures("recognition")
def test_the_largest_of_wanted_people_is_kept(photos, tmp_path):
    faceset = extract(photos, tmp_path / "faces", People(Colours(), largest=True))
    assert colours(photos, faceset) == ["b", "r", "b", "b", "b", "", "r"]


@pytest.mark.usefixtures("recognition")
def test_a_choice_of_faces_tells_who_is_swapped_between(photos, tmp_path):
    faceset = extract(photos, tmp_path / "faces", People(Colours()))
    (blue,) = {face.person for face in faceset.faces() if face.frame == 0} - {
        face.person for face in faceset.faces() if face.frame == 6
    }
    chosen = [face for face in faceset.faces() if face.person == blue]
    copy_faces(faceset, chosen, tmp_path / "blue")
    assert colours(photos, Faceset.open(tmp_path / "blue")) == ["b", "", "b", "b", "b", "", ""]


def test_a_choice_of_unknown_people_is_refused(photos, tmp_path):
    faceset = extract(photos, tmp_path / "faces")
    copy_faces(faceset, faceset.faces()[:1], tmp_path / "one")
    with pytest.raises(FacesetError, match="found none: who is left out"):
        colours(photos, Faceset.open(tmp_path / "one"))
