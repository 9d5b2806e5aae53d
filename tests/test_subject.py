"""Subject records: set on facesets, and copied into runs and models."""

import json

import pytest

import faceswap.cli
from faceswap.core.command_line import run_program
from faceswap.core.errors import ConfigError, FacesetError, FaceswapError, MediaError
from faceswap.core.run_manifest import MANIFEST
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.subjects import find_records, unstated_facesets
from faceswap.facesets.writer import FacesetWriter
from faceswap.provenance.subject import Evidence, Subject, describe_records, matches_evidence
from faceswap.subject import subject
from tests.facesets.written import EXTRACTOR, SOURCE, write_faceset
from tests.footage import write_clip

UNSTATED = {"name": "", "basis": "unstated", "reference": ""}


@pytest.fixture
def facesets(tmp_path):
    return [write_faceset(tmp_path / name).path for name in ("one", "two")]


@pytest.fixture
def release(tmp_path):
    path = tmp_path / "release.pdf"
    path.write_bytes(b"I agree. Alice")
    return path


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        run_program("faceswap", faceswap.cli.VERBS, "0", list(arguments))
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_a_new_faceset_is_unstated(capsys, facesets):
    code, shown, said = run(capsys, "subject", *map(str, facesets))
    assert code == 0
    assert shown.count("│ unstated") == 4  # name and basis of two
    assert "Some records state no basis" in said
    assert unstated_facesets({"alice": facesets}) == facesets


def test_several_are_set_at_once_and_nothing_else_changes(facesets, release):
    before = Faceset.open(facesets[0])
    source, content = before.record["source"], before.content_hash()
    subject(facesets, name="Alice", basis="consent", reference="release 7", evidence=release)
    for path in facesets:
        faceset = Faceset.open(path)
        assert faceset.subject == {
            "name": "Alice",
            "basis": "consent",
            "reference": "release 7",
            "evidence": {"file": "release.pdf", "sha256": Evidence.of(release).sha256},
        }
    after = Faceset.open(facesets[0])
    assert (after.record["source"], after.content_hash()) == (source, content)
    assert unstated_facesets({"alice": facesets}) == []


def test_options_that_are_not_given_keep_their_value(facesets, release):
    subject(facesets, name="Alice", basis="consent", evidence=release)
    subject(facesets[:1], reference="release 8")
    record = Faceset.open(facesets[0]).subject
    assert (record["name"], record["reference"]) == ("Alice", "release 8")
    assert record["evidence"]["file"] == "release.pdf"
    assert Faceset.open(facesets[1]).subject["reference"] == ""


def test_evidence_belongs_to_the_basis_it_was_given_for(facesets, release):
    subject(facesets, name="Alice", basis="consent", evidence=release)
    subject(facesets, basis="licensed")
    assert "evidence" not in Faceset.open(facesets[0]).subject


def test_check_compares_a_file_with_the_evidence(capsys, facesets, release):
    subject(facesets, basis="consent", evidence=release)
    code, shown, _ = run(capsys, "subject", str(facesets[0]), "--check", str(release))
    assert code == 0
    assert "matches" in shown.replace("\n", " ")
    release.write_bytes(b"I agree. Alice, and to more than before")
    assert matches_evidence(Faceset.open(facesets[0]).subject, release) is False
    code, _, _ = run(capsys, "subject", str(facesets[0]), "--check", str(release))
    assert code == 3
    assert matches_evidence(UNSTATED, release) is None


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"basis": "whim"}, ConfigError, "Unknown basis"),
        ({"name": "A\nB"}, ConfigError, "one line"),
        ({"reference": "x" * 501}, ConfigError, "500"),
    ],
)
def test_invalid_records_are_refused_before_anything_is_written(facesets, given, error, words):
    with pytest.raises(error, match=words):
        subject(facesets, **given)
    assert Faceset.open(facesets[0]).subject == UNSTATED


def test_one_bad_path_changes_no_faceset(facesets, tmp_path):
    with pytest.raises(FaceswapError):
        subject([facesets[0], tmp_path / "absent"], name="Alice")
    with pytest.raises(MediaError, match="no file"):
        subject(facesets, evidence=tmp_path / "absent.pdf")
    with pytest.raises(FacesetError, match="Expected a faceset"):
        subject([tmp_path], name="Alice")
    assert Faceset.open(facesets[0]).subject == UNSTATED


def test_a_folder_a_run_and_a_model_show_their_records(capsys, facesets, tmp_path):
    subject(facesets[:1], name="Alice", basis="self")
    assert find_records(tmp_path)["one"][0]["name"] == "Alice"
    entry = {"path": "one", "sha256": "a" * 64, "subject": Faceset.open(facesets[0]).subject}
    data = {"alice": [entry], "bob": []}
    manifest = {"command": "faceswap train", "data": data, "starts": []}
    MANIFEST.write(tmp_path / "run" / "manifest.json", manifest)
    assert find_records(tmp_path / "run")["alice"][0]["basis"] == "self"
    code, shown, _ = run(capsys, "subject", str(tmp_path / "run"), "--json")
    assert code == 0
    assert json.loads(shown)[str(tmp_path / "run")]["alice"][0]["name"] == "Alice"
    with pytest.raises(FacesetError, match="Expected a faceset") as error:
        subject([tmp_path / "run"], name="Bob")
    assert "model copies them" in error.value.hint
    with pytest.raises(FaceswapError, match="Expected a faceset, a model or a run"):
        find_records(tmp_path / "run" / "absent")


def test_records_are_described_in_one_line():
    assert describe_records([]) == "name unstated, basis unstated"
    record = Subject("Alice", "consent", "release 7", Evidence("r.pdf", "ab" * 32)).to_json()
    assert describe_records([record, record]) == (
        "Alice, basis consent, release 7, evidence r.pdf (sha256 abababababab...)"
    )
    assert Subject.from_json(record).to_json() == record
    with pytest.raises(ConfigError, match="damaged"):
        Subject.from_json({"evidence": {"file": "x"}})


def test_extract_stores_the_subject(capsys, tmp_path, release, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "clip.mp4", 3)
    code, _, said = run(capsys, "extract", "clip.mp4")
    assert code == 0
    assert "person and basis are unstated" in said
    assert "faceswap subject faces/clip" in said
    options = ("--subject", "Alice", "--basis", "consent", "--evidence", "release.pdf")
    code, _, said = run(capsys, "extract", "clip.mp4", *options)  # already complete
    assert "Subject: Alice, basis consent, evidence release.pdf" in said
    record = Faceset.open(tmp_path / "faces" / "clip").subject
    assert record["evidence"]["sha256"] == Evidence.of(release).sha256
    code, _, said = run(capsys, "extract", "clip.mp4", "--basis", "whim", "-o", "other")
    assert code == 2
    assert not (tmp_path / "other").exists()


def test_overwriting_with_the_same_source_keeps_its_subject(facesets):
    subject(facesets[:1], name="Alice", basis="self")
    again = FacesetWriter(facesets[0], SOURCE, EXTRACTOR, overwrite=True)
    assert again.record["subject"]["name"] == "Alice"
    another = FacesetWriter(facesets[0], SOURCE | {"sha256": "b" * 64}, EXTRACTOR, overwrite=True)
    assert another.record["subject"] == UNSTATED


def test_training_reports_unstated_subjects(capsys, facesets, tmp_path):
    subject(facesets[:1], name="Alice", basis="self")
    faces = [f"--faces={name}={path}" for name, path in zip("ab", facesets, strict=True)]
    code, _, said = run(capsys, "train", *faces, "-o", str(tmp_path / "run"))
    assert code == 2  # so few faces
    assert f"{facesets[1]}: person and basis" in said
    assert f"{facesets[0]}: person and basis" not in said
