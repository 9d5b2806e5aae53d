"""``faceswap faces report``: the page and the numbers."""

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from faceswap.core.errors import FacesetError, OutputExistsError
from faceswap.curation.report import is_report
from faceswap.faces_verbs.report import report
from tests.meshes import add_meshes


@pytest.fixture
def alice(make_faceset, tmp_path) -> Path:
    return add_meshes(make_faceset(tmp_path / "alice"))


def changed(faceset: Path, **values) -> Path:
    """Rewrites columns of a faceset; a function gets the number of the face."""
    table = pq.read_table(faceset / "faces.parquet")
    for name, value in values.items():
        column = pa.array(map(value, range(table.num_rows)), table.schema.field(name).type)
        table = table.set_column(table.schema.get_field_index(name), name, column)
    pq.write_table(table, faceset / "faces.parquet")
    return faceset


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_the_page_opens_offline_and_has_every_section(alice, tmp_path) -> None:
    (alice / "images" / "000004-0.png").unlink()
    report([alice], json_file=tmp_path / "numbers.json")
    text = text_of(tmp_path / "alice-report.html")  # beside the faceset
    assert not re.search(r'(src|href)="(?!data:)', text)
    assert "<title>Faces of alice</title>" in text
    headings = re.findall(r"<h2>(.*?)</h2>", text)
    assert headings[0] == "Poses"
    assert {"Sharpness", "Size", "Exposure", "Mouth opening", "Eye opening", "People"} < {*headings}
    assert headings[-2:] == ["Near-duplicates", "Outliers"]
    assert "47 faces of 1 faceset; 1 removed, which are not counted." in text
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    assert (numbers["faces"], numbers["removed"]) == (47, 1)
    assert numbers["tracks"] == [{"faceset": str(alice), "track": 0, "faces": 47}]
    assert "against" not in numbers


def test_what_the_other_lacks_is_named_and_shown(alice, make_faceset, tmp_path) -> None:
    changed(alice, yaw=lambda face: 45.0 if face < 12 else 0.0)
    bob = add_meshes(make_faceset(tmp_path / "bob"))
    changed(bob, person=lambda face: "bob" if face < 30 else "carl" if face < 40 else None)
    page, numbers = tmp_path / "page.html", tmp_path / "numbers.json"
    report([alice], against=[bob], output=page, json_file=numbers)
    against = json.loads(numbers.read_text())["against"]
    assert against["missing"]["pose"] == 12
    (gap,) = against["gaps"]
    assert gap["look"] == "head turned about 45° to image right"
    assert gap["nearest"] == "The nearest pose of bob is 45° away."
    assert len({face["image"] for face in gap["faces"]}) == 12
    assert "Film bob with: head turned about 45° to image right (25% of alice)." in text_of(page)
    assert "<h2>1. Head turned about 45° to image right</h2>" in text_of(page)
    taken = re.findall(r"The faces of (\d+) people of (\w+) are taken together", text_of(page))
    assert taken == [("2", "bob")]


def test_landmarks_suffice_and_a_faceset_lacks_nothing_of_itself(make_faceset, tmp_path) -> None:
    carol, page = make_faceset(tmp_path / "carol"), tmp_path / "page.html"
    report([carol], against=[carol], output=page)
    assert "Expressions were measured on landmarks" in text_of(page)
    assert "Nothing: carol shows whatever carol does." in text_of(page)
    assert "100% of the faces of carol have a counterpart in carol" in text_of(page)


def test_people_and_photos_are_shown(alice, make_faceset, tmp_path) -> None:
    changed(alice, person=lambda face: "anna" if face < 20 else "2" if face < 40 else None)
    photos = make_faceset(tmp_path / "photos", faces=5)
    record = json.loads((photos / "faceset.json").read_text())
    record["source"]["kind"] = "images"
    (photos / "faceset.json").write_text(json.dumps(record))
    page, numbers = tmp_path / "page.html", tmp_path / "numbers.json"
    report([alice, photos], output=page, json_file=numbers)
    assert json.loads(numbers.read_text())["people"] == {"anna": 20, "2": 20}
    assert "person anna: 20 faces" in text_of(page)
    assert "There are 2 people" in text_of(page)
    assert "Belonging to nobody in particular: 13 faces." in text_of(page)
    advice = "faceswap faces filter &#34;person == &#39;anna&#39;&#34; FACESET"
    assert advice in text_of(page)
    rows = re.findall(r"<tr>\s*(<td.*?)</tr>", text_of(page), re.DOTALL)
    kinds = [re.findall(r">([^<]*)</td>", row) for row in rows]
    assert ["alice", "video", "48", "1", "0"] in kinds
    assert ["photos", "photos", "5", "-", "-"] in kinds


def test_one_person_gets_no_advice_on_several(alice, tmp_path) -> None:
    page = tmp_path / "page.html"
    report([changed(alice, person=lambda _face: "anna")], output=page)
    assert "person anna: 48 faces" in text_of(page)
    assert "filter &#34;person ==" not in text_of(page)


def test_another_person_is_an_outlier_and_filled_faces_are_left_out(alice, tmp_path) -> None:
    vectors = [[1.0, 0.0], [0.0, 1.0]]
    changed(
        alice,
        embedding=lambda face: vectors[face == 7] if face != 9 else None,
        filled=lambda face: face == 20,
    )
    page, numbers = tmp_path / "page.html", tmp_path / "numbers.json"
    report([alice], output=page, json_file=numbers)
    found = json.loads(numbers.read_text())
    other = [each for each in found["outliers"] if "may be another person" in each["reasons"]]
    assert [each["image"] for each in other] == ["000007-0.png"]
    assert (found["faces"], found["filled"], found["removed"]) == (47, 1, 0)
    assert "may be another person: alice/images/000007-0.png" in text_of(page)


def test_a_report_is_replaced_and_nothing_else(alice, tmp_path) -> None:
    page, numbers = tmp_path / "page.html", tmp_path / "numbers.json"
    report([alice], output=page, json_file=numbers)
    assert is_report(page)
    assert is_report(numbers)
    report([alice], output=page, json_file=numbers)
    for mine in (page, numbers):
        before = mine.read_text()
        mine.write_text('{"facesets": []}')
        with pytest.raises(OutputExistsError):
            report([alice], output=page, json_file=numbers)
        assert mine.read_text() == '{"facesets": []}'
        mine.write_text(before)


def test_a_faceset_without_images_is_refused(alice, tmp_path) -> None:
    for image in (alice / "images").iterdir():
        image.unlink()
    with pytest.raises(FacesetError, match="Expected faces in alice, found none"):
        report([alice], output=tmp_path / "page.html")
