"""People in extractions: a clip of two portraits that pass each other, with known truth."""

from pathlib import Path

import numpy as np
import pytest

import faceswap.extraction.people_options as options
from faceswap.core.errors import ConfigError, FacesetError, NoFacesError, WeightsUnavailable
from faceswap.extraction.identities import People
from faceswap.extraction.people_options import build_people
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.rows import read_embeddings
from faceswap.media.images import write_image
from faceswap.media.sources import find_sources
from faceswap.people.references import Reference, load_references
from faceswap.people.wanted import WantedPeople
from tests.extraction.short_segments import cut_short, kill_extraction
from tests.facesets.test_killed_faceset import content
from tests.footage import portrait, write_clip
from tests.people.colours import Colours

FRAMES, SIDE, STEP = 56, 160, 9
_SPAN = (FRAMES - 1) * STEP / 2


def head(colour: str) -> np.ndarray:
    """The portrait, or its mirror image with red and blue exchanged: two people to ``Colours``."""
    picture = portrait() if colour == "red" else portrait()[:, ::-1, ::-1]
    left = 28 if colour == "red" else 256 - 28 - SIDE
    return picture[10 : 10 + SIDE, left : left + SIDE]


def places(frame: int) -> dict[str, tuple[int, int]]:
    """Upper left corner of the picture of each person; the red one passes in front."""
    shift = round(_SPAN - frame * STEP)
    return {"blue": (240 + shift, 70), "red": (240 - shift, 70)}


def crossing(frame: int) -> np.ndarray:
    image = np.full((300, 640, 3), 128, np.uint8)
    for person, (x, y) in places(frame).items():
        image[y : y + SIDE, max(x, 0) : x + SIDE] = head(person)[:, max(0, -x) : 640 - x]
    return image


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", FRAMES, crossing)


def extract(clip: Path, directory: Path, people: People | None = None, **arguments):
    (source,) = find_sources([clip])
    return extract_source(source, directory, ExtractSettings(), people=people, **arguments)


def person_at(face) -> str | None:
    """Who is where a face was found; None while one covers the other."""
    centres = {name: x + SIDE / 2 for name, (x, _) in places(face.frame).items()}
    if abs(centres["red"] - centres["blue"]) < 0.8 * SIDE:
        return None
    x = float(face.landmarks[27:48, 0].mean())
    return min(centres, key=lambda name: abs(centres[name] - x))


@pytest.fixture(scope="module")
def faceset(clip, tmp_path_factory) -> Faceset:
    directory = tmp_path_factory.mktemp("faces") / "clip"
    report = extract(clip, directory, People(Colours()))
    assert any(note.startswith("People: ") for note in report.notes)
    return Faceset.open(directory)


def test_two_people_who_cross_do_not_exchange_tracks(faceset):
    by_person: dict[str, set] = {}
    by_track: dict[int, set] = {}
    for face in faceset.faces():
        if (who := person_at(face)) is not None:
            by_person.setdefault(who, set()).add(face.person)
            by_track.setdefault(face.track, set()).add(who)
    assert sorted(map(sorted, by_person.values())) == [["1"], ["2"]]
    assert all(len(people) == 1 for people in by_track.values())


def test_all_faces_of_a_track_have_its_embedding(faceset):
    embeddings: dict[int, set] = {}
    for face, embedding in zip(faceset.faces(), faceset.embeddings(), strict=True):
        if face.person is not None:
            assert embedding is not None
            assert np.linalg.norm(embedding) == pytest.approx(1, abs=1e-5)
            embeddings.setdefault(face.track, set()).add(embedding.tobytes())
    assert all(len(each) == 1 for each in embeddings.values())


def reference(faceset: Faceset, who: str) -> Reference:
    face = next(face for face in faceset.faces() if person_at(face) == who)
    (found,) = load_references([f"{faceset.path}:{face.person}"], Colours())
    return found


def test_only_one_person_is_kept(clip, faceset, tmp_path):
    red = reference(faceset, "red")
    only, unwanted = WantedPeople(only=(red,)), WantedPeople(exclude=(red,))
    for name, wanted, who, number in (("only", only, "red", "1"), ("not", unwanted, "blue", "2")):
        report = extract(clip, tmp_path / name, People(Colours(), wanted))
        faces = Faceset.open(tmp_path / name).faces()
        assert {person_at(face) for face in faces} - {None} == {who}
        assert {face.person for face in faces} == {number}  # the folder knows person 1 already
        stored = {"images": {f.image for f in faces}, "masks": {f.mask for f in faces}}
        for folder, names in stored.items():
            assert {file.name for file in (tmp_path / name / folder).iterdir()} == names
        assert report.faces == len(faces)
        assert report.left_out[name] > 0
        assert not (tmp_path / name / "segments").exists()
    with pytest.raises(FacesetError, match=r"other settings.*only"):
        extract(clip, tmp_path / "only", People(Colours()))
    again = extract(clip, tmp_path / "only", People(Colours(), WantedPeople(only=(red,))))
    assert again.frames_now == 0


def test_nobody_wanted_is_an_error_with_the_best_similarity(clip, tmp_path):
    stranger = Reference("x.jpg", np.array([0, 1, 0], np.float32), "c" * 64)
    people = People(Colours(), WantedPeople(only=(stranger,), threshold=0.97))
    with pytest.raises(NoFacesError, match=r"reaches -?0\.\d\d, and the threshold is 0\.97"):
        extract(clip, tmp_path / "faces", people)
    assert not (tmp_path / "faces").exists()


def test_nobody_is_left_where_only_and_not_name_the_same_person(clip, faceset, tmp_path):
    red = reference(faceset, "red")
    people = People(Colours(), WantedPeople(only=(red,), exclude=(red,)))
    with pytest.raises(NoFacesError, match=r"reaches [01]\.\d\d, and is .* to a person of --not"):
        extract(clip, tmp_path / "faces", people)


def test_the_largest_face_of_each_frame_needs_no_recognition(clip, tmp_path):
    extract(clip, tmp_path / "faces", People(largest=True))
    faces = Faceset.open(tmp_path / "faces").faces()
    assert len({face.frame for face in faces}) == len(faces)
    assert {face.person for face in faces} == {None}


def test_numbers_are_the_same_after_a_kill(clip, faceset, tmp_path, monkeypatch):
    cut_short(monkeypatch, 15, 12)

    def kill(_frames: int) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt

    left = 50
    with pytest.raises(KeyboardInterrupt):
        extract(clip, tmp_path / "a", People(Colours()), on_frames=kill)
    resumed = extract(clip, tmp_path / "a", People(Colours()))
    assert 0 < resumed.frames_now < FRAMES
    extract(clip, tmp_path / "b", People(Colours()))
    first, second = (Faceset.open(tmp_path / name) for name in ("a", "b"))
    assert [f.person for f in first.faces()] == [f.person for f in second.faces()]
    assert [f.track for f in first.faces()] == [f.track for f in second.faces()]
    assert {f.person for f in first.faces()} == {f.person for f in faceset.faces()}


def test_segments_that_were_extracted_without_recognition_get_people(clip, tmp_path, monkeypatch):
    cut_short(monkeypatch, 15, 12)
    (source,) = find_sources([clip])
    kill_extraction(source, tmp_path / "a" / "clip", 50)
    segments = sorted((tmp_path / "a" / "clip" / "segments").glob("*.parquet"))
    assert segments
    assert not any(each is not None for file in segments for each in read_embeddings(file))
    again = Colours()
    assert extract(clip, tmp_path / "a" / "clip", People(again)).frames_now > 0
    once = Colours()
    extract(clip, tmp_path / "b" / "clip", People(once))
    assert content(tmp_path / "a" / "clip") == content(tmp_path / "b" / "clip")
    assert again.seen == once.seen


def test_photos_that_were_extracted_without_recognition_get_people(tmp_path, monkeypatch):
    cut_short(monkeypatch, 4, 0)
    for number in range(9):
        write_image(tmp_path / "photos" / f"{number}.png", crossing(4 * number))
    (source,) = find_sources([tmp_path / "photos"])
    kill_extraction(source, tmp_path / "a" / "photos", 6)
    extract(tmp_path / "photos", tmp_path / "a" / "photos", People(Colours()))
    extract(tmp_path / "photos", tmp_path / "b" / "photos", People(Colours()))
    assert content(tmp_path / "a" / "photos") == content(tmp_path / "b" / "photos")
    assert {face.person for face in Faceset.open(tmp_path / "a" / "photos").faces()} == {"1", "2"}


def test_options(tmp_path, monkeypatch):
    notes: list[str] = []
    monkeypatch.setattr(options, "build_recognizer", Colours)
    assert isinstance(build_people().recognizer, Colours)
    assert build_people("off", largest=True).recognizer is None
    write_image(tmp_path / "her.png", portrait())
    people = build_people(only=[str(tmp_path / "her.png")], threshold=0.5)
    assert (len(people.wanted.only), people.wanted.threshold) == (1, 0.5)
    with pytest.raises(ConfigError, match="--only and --not need recognition"):
        build_people("off", only=["her.png"])
    for identity in ("auto", "off"):
        with pytest.raises(ConfigError, match="Expected --only or --not with --threshold"):
            build_people(identity, threshold=0.5)
    with pytest.raises(ConfigError, match="Expected --identity auto, on, off, found 'maybe'"):
        build_people("maybe")

    def unavailable():
        raise WeightsUnavailable("No weights.", "Fetch them.")

    monkeypatch.setattr(options, "build_recognizer", unavailable)
    assert build_people(on_note=notes.append).recognizer is None
    assert notes
    assert "Fetch them." in notes[0]
    for identity, only, unwanted in (("on", [], []), ("auto", ["a.png"], []), ("auto", [], ["b"])):
        with pytest.raises(WeightsUnavailable):
            build_people(identity, only, unwanted)
