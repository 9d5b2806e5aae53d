"""Documents name their format and version, and older ones are migrated."""

import json

import pytest

from faceswap.core.errors import CheckpointError
from faceswap.core.formats import Format


def renamed(document: dict) -> dict:
    document["fraction"] = document.pop("share")
    return document


FORMAT = Format("faceswap-example", 3, CheckpointError, {2: renamed})


def test_a_document_comes_back_as_it_was_written(tmp_path):
    FORMAT.write(tmp_path / "a.json", {"fraction": 0.5})
    expected = {"format": "faceswap-example", "version": 3, "fraction": 0.5}
    assert json.loads((tmp_path / "a.json").read_text()) == expected
    assert FORMAT.read(tmp_path / "a.json") == expected


def test_an_older_version_is_migrated(tmp_path):
    old = {"format": "faceswap-example", "version": 2, "share": 0.25}
    (tmp_path / "a.json").write_text(json.dumps(old))
    expected = {"format": "faceswap-example", "version": 3, "fraction": 0.25}
    assert FORMAT.read(tmp_path / "a.json") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "Expected the format 'faceswap-example'"),
        ('{"format": "other", "version": 3}', "found the text 'other'"),
        ('{"format": "faceswap-example"}', "no version number"),
        ('{"format": "faceswap-example", "version": "3"}', "no version number"),
        ('{"format": "faceswap-example", "version": 4}', "versions up to 3"),
        ('{"format": "faceswap-example", "version": 1}', "no longer supported"),
    ],
)
def test_unusable_documents_are_rejected_with_the_path(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(CheckpointError, match=message) as raised:
        FORMAT.read(tmp_path / "a.json")
    assert "a.json" in raised.value.message
