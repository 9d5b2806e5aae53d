import gc
import weakref

import numpy as np
import pytest

import faceswap.cli
import faceswap.faces_verbs.people as verb
from faceswap.core.command_line import run_program
from faceswap.core.errors import WeightsUnavailable
from faceswap.facesets.edit import rewrite_rows
from faceswap.facesets.faceset import Faceset
from faceswap.media.images import read_image, write_image
from faceswap.people.numbering import Gallery
from tests.people.colours import BLUE, GREEN, RED, Colours, write_tracks


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        run_program("faceswap", faceswap.cli.VERBS, "0", ["faces", "people", *arguments])
    return int(exit_.value.code or 0)


def people(path) -> list[str | None]:
    return [face.person for face in Faceset.open(path).faces()]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(verb, "build_recognizer", Colours)
    faces = tmp_path / "faces"
    write_tracks(faces / "a", [[RED] * 40 + [BLUE] * 40, [GREEN] * 80])
    write_tracks(faces / "b", [[BLUE] * 10])
    write_tracks(faces / "c", [[GREEN, RED]], "images")
    return faces


def test_all_facesets_are_numbered_and_shown(folder, capsys):
    before = Faceset.open(folder / "a").content_hash()
    assert run(str(folder)) == 0
    first = np.array(people(folder / "a")).reshape(80, 2)
    assert first[:, 0].tolist() == ["1"] * 40 + ["3"] * 40
    assert first[:, 1].tolist() == ["2"] * 80
    assert people(folder / "b") == ["3"] * 10
    assert people(folder / "c") == ["2", "1"]
    assert [face.track for face in Faceset.open(folder / "a").faces()[80:82]] == [2, 1]
    assert Faceset.open(folder / "a").content_hash() == before  # the faces are the same
    assert capsys.readouterr().out.count("│") >= 3 * 6
    sheets = {path.name: read_image(path) for path in (folder / "people").iterdir()}
    assert sorted(sheets) == ["1.jpg", "2.jpg", "3.jpg"]
    shades = {name: sheet[20:100, 20:100].mean((0, 1)) for name, sheet in sheets.items()}
    for name, shade in (("1.jpg", RED), ("2.jpg", GREEN), ("3.jpg", BLUE)):
        np.testing.assert_allclose(shades[name], shade, atol=6)


def test_people_without_crops_have_no_sheet_and_are_counted(folder, capsys):
    assert run(str(folder)) == 0
    for image in (folder / "a" / "images").iterdir():
        image.unlink()
    assert run(str(folder / "a"), "-o", str(folder / "sheets")) == 0
    said = capsys.readouterr().err
    assert "0 contact sheets -> " in said
    assert "No crops are left of 3 of the people" in said
    assert list((folder / "sheets").iterdir()) == []


def test_names_are_kept_and_the_same_name_makes_one_person(folder, monkeypatch):
    assert run(str(folder)) == 0
    monkeypatch.setattr(verb, "build_recognizer", unavailable)  # nothing is embedded again
    assert run(str(folder), "--name", "1=anna", "--name", "3=anna") == 0
    assert set(people(folder / "a")) == {"anna", "2"}
    assert people(folder / "b") == ["anna"] * 10
    write_tracks(folder / "d", [[RED] * 5])
    monkeypatch.setattr(verb, "build_recognizer", Colours)
    assert run(str(folder)) == 0
    assert people(folder / "d") == ["anna"] * 5
    assert {person.name for person in Gallery().people_in(folder, folder / "d")} == {"anna", "2"}


def test_deleted_and_filled_faces_belong_to_their_track(tmp_path, monkeypatch):
    monkeypatch.setattr(verb, "build_recognizer", Colours)
    path = write_tracks(tmp_path / "a", [[RED] * 40 + [BLUE] * 40, [GREEN] * 80])
    for image in (path / "images").glob("*-1.png"):
        image.unlink()
    for frame in (0, 10, 79):
        (path / "images" / f"{frame:06d}-0.png").unlink()

    def fill(rows):
        filled = [name == "000060-0.png" for name in rows["image"].to_pylist()]
        place = rows.schema.get_field_index("filled")
        return rows.set_column(place, rows.schema.field("filled"), [filled])

    rewrite_rows(path, fill)
    assert run(str(tmp_path)) == 0
    faces = np.array([(face.track, face.person) for face in Faceset.open(path).faces()])
    first, second = faces.reshape(80, 2, 2).transpose(1, 0, 2).tolist()
    assert first == [[0, "1"]] * 40 + [[2, "2"]] * 40
    assert second == [[1, None]] * 80  # no crop is left


def unavailable():
    raise WeightsUnavailable("The weights are not there.", "Fetch them.")


def test_errors(folder, monkeypatch, capsys):
    assert run(str(folder)) == 0
    assert run(str(folder), "--name", "9=anna") == 2
    assert "Expected a person in --name 9=anna, found 1, 2, 3." in capsys.readouterr().err
    assert run(str(folder), "--name", "anna") == 2
    assert "Expected --name PERSON=NAME" in capsys.readouterr().err
    assert run(str(folder), "--name", "1=8") == 2
    assert "a number that nobody has" in capsys.readouterr().err
    assert people(folder / "b") == ["3"] * 10
    (folder / "people" / "notes.txt").write_text("mine")
    assert run(str(folder)) == 2
    assert (folder / "people" / "notes.txt").read_text() == "mine"
    (folder / "people" / "notes.txt").unlink()
    monkeypatch.setattr(verb, "build_recognizer", unavailable)
    write_tracks(folder / "d", [[RED] * 2])
    assert run(str(folder)) == 2
    assert "Fetch them." in capsys.readouterr().err


def test_a_track_of_two_people_becomes_one(folder, capsys):
    assert run(str(folder)) == 0

    def rename(rows):
        place = rows.schema.get_field_index("person")
        columns = (rows[name].to_pylist() for name in ("frame", "track", "person"))
        names = [
            "anna" if frame < 20 and track == 0 else person
            for frame, track, person in zip(*columns, strict=True)
        ]
        return rows.set_column(place, rows.schema.field("person"), [names])

    rewrite_rows(folder / "a", rename)
    assert run(str(folder)) == 0
    first = np.array(people(folder / "a")).reshape(80, 2)[:, 0]
    assert first.tolist() == ["anna"] * 40 + ["3"] * 40
    sheets = {path.stem: read_image(path) for path in (folder / "people").iterdir()}
    for name, shade in (("anna", RED), ("2", GREEN), ("3", BLUE)):
        np.testing.assert_allclose(sheets[name][20:100, 20:100].mean((0, 1)), shade, atol=6)


def test_approximate_neighbours_are_announced(folder, monkeypatch, capsys):
    assert run(str(folder)) == 0
    assert "groups of tracks" not in capsys.readouterr().err
    before = [people(folder / name) for name in "abc"]
    monkeypatch.setattr(verb, "EXACT_GROUPS", 2)
    assert run(str(folder)) == 0
    said = capsys.readouterr().err
    assert "more than 2 groups of tracks" in said
    assert "approximate neighbours" in said
    assert [people(folder / name) for name in "abc"] == before


def test_the_table_shows_the_people_with_most_faces(folder, monkeypatch, capsys):
    monkeypatch.setattr(verb, "_MOST_ROWS", 2)
    assert run(str(folder)) == 0
    said = capsys.readouterr()
    assert "The table shows the 2 people with most faces, of 3." in said.err
    rows = [line.split("│")[1:4] for line in said.out.splitlines() if line.startswith("│")]
    assert [[cell.strip() for cell in row] for row in rows] == [["2", "81", "2"], ["3", "50", "2"]]
    assert len(list((folder / "people").iterdir())) == 3


def test_facesets_are_open_one_at_a_time(folder, monkeypatch):
    opened, most = weakref.WeakValueDictionary(), []
    whole = Faceset.open

    def counted(path):
        gc.collect()
        most.append(len(opened))
        faceset = opened[len(most)] = whole(path)
        return faceset

    monkeypatch.setattr(verb.Faceset, "open", counted)
    assert run(str(folder)) == 0
    assert len(most) == 6  # to count the faces, and to recognise their people
    assert max(most) <= 1  # the one that is replaced by the next
    assert run(str(folder)) == 0
    assert len(most) == 6  # recognised ones are streamed


def test_a_folder_of_photos_is_never_replaced(folder, tmp_path):
    assert run(str(folder)) == 0
    photo = tmp_path / "photos" / "holiday.jpg"
    write_image(photo, np.zeros((8, 8, 3), np.uint8))
    before = photo.read_bytes()
    assert run(str(folder), "--name", "1=anna", "-o", str(photo.parent)) == 2
    assert photo.read_bytes() == before
    assert "anna" not in people(folder / "a")  # refused before anything is written
    photo.rename(folder / "people" / "holiday.jpg")  # among the sheets
    assert run(str(folder)) == 2
    assert (folder / "people" / "holiday.jpg").read_bytes() == before
