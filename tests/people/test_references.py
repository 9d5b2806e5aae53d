import json

import numpy as np
import pytest

from faceswap.core.errors import FacesetError, IdentityError, MediaError, NoFacesError
from faceswap.facesets.edit import rewrite_rows
from faceswap.media.images import write_image
from faceswap.people.references import load_references
from tests.footage import plain_picture, portrait
from tests.people.colours import BLUE, RED, Colours, write_tracks


def load(*texts):
    return load_references([str(text) for text in texts], Colours())


def set_people(path, people: dict[int, str]) -> None:
    """Names the tracks of a faceset."""

    def change(rows):
        place = rows.schema.get_field_index("person")
        names = [people.get(track) for track in rows["track"].to_pylist()]
        return rows.set_column(place, rows.schema.field("person"), [names])

    rewrite_rows(path, change)


@pytest.fixture
def faceset(tmp_path):
    return write_tracks(tmp_path / "faces" / "clip", [[RED] * 3, [BLUE] * 3])


def expected(colour):
    vector = np.subtract(colour, np.mean(colour))
    return vector / np.linalg.norm(vector)


def test_people_and_tracks_of_facesets(faceset):
    set_people(faceset, {0: "anna", 1: "2"})
    her, him, track = load(f"{faceset}:anna", f"{faceset.parent}:2", f"{faceset}:track=1")
    np.testing.assert_allclose(her.embedding, expected(RED), atol=1e-5)
    np.testing.assert_allclose(him.embedding, expected(BLUE), atol=1e-5)
    np.testing.assert_allclose(track.embedding, him.embedding, atol=1e-6)
    assert (her.record, him.record) == ("person:anna", "person:2")
    assert track.record == "a" * 16 + ":track=1"


def test_a_whole_faceset_is_one_person(faceset, tmp_path):
    single = write_tracks(tmp_path / "single", [[RED] * 3])
    (reference,) = load(single)
    np.testing.assert_allclose(reference.embedding, expected(RED), atol=1e-5)
    assert reference.record == "a" * 16
    set_people(faceset, {0: "anna", 1: "2"})
    with pytest.raises(IdentityError, match="found anna, 2") as raised:
        load(faceset)
    assert raised.value.hint == f"Name the person: {faceset}:anna"


def test_a_person_stays_the_same_while_an_extraction_adds_to_the_folder(faceset):
    set_people(faceset, {0: "anna", 1: "2"})
    (before,) = load(f"{faceset.parent}:anna")
    other = write_tracks(faceset.parent / "other", [[RED] * 3])
    set_people(other, {0: "anna"})
    (faceset / "images" / "000001-0.png").unlink()
    record = json.loads((other / "faceset.json").read_text())
    (other / "faceset.json").write_text(json.dumps(record | {"complete": False}))
    (resumed,) = load(f"{faceset.parent}:anna")
    (other / "faceset.json").write_text(json.dumps(record))
    (repeated,) = load(f"{faceset.parent}:anna")
    assert before.record == resumed.record == repeated.record
    np.testing.assert_allclose(resumed.embedding, before.embedding, atol=1e-5)


def test_errors_say_what_is_wrong(faceset, tmp_path):
    with pytest.raises(MediaError, match=r"There is no reference .*none.jpg"):
        load(tmp_path / "none.jpg")
    with pytest.raises(IdentityError, match=r"Expected the person 'eve'.* found nobody"):
        load(f"{faceset}:eve")
    with pytest.raises(IdentityError, match=r"Expected track 7 in .*, found 0, 1"):
        load(f"{faceset}:track=7")
    with pytest.raises(IdentityError, match="Expected the number of a track, found 'x'"):
        load(f"{faceset}:track=x")
    with pytest.raises(IdentityError, match="found a folder of 1"):
        load(faceset.parent)
    with pytest.raises(FacesetError, match="found none"):
        load(faceset / "images")
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(MediaError, match="image"):
        load(tmp_path / "text.jpg")


def test_a_photo_shows_one_face(tmp_path):
    one, none, two = (tmp_path / f"{name}.png" for name in ("one", "none", "two"))
    write_image(one, portrait())
    write_image(none, plain_picture(0))
    write_image(two, np.hstack([portrait(), portrait()]))
    (reference,) = load(one)
    assert reference.name == str(one)
    assert np.linalg.norm(reference.embedding) == pytest.approx(1, abs=1e-5)
    with pytest.raises(NoFacesError, match=r"Expected a face on the reference photo .*none"):
        load(none)
    with pytest.raises(IdentityError, match=r"Expected one face .*, found 2"):
        load(two)
