"""Manifest stores that other programs wrote: any content, circles and all."""

import json
from pathlib import Path

import pytest

from faceswap.provenance.describe import as_json, describe
from faceswap.provenance.errors import ProvenanceError
from faceswap.provenance.file_provenance import FileProvenance, _evaluate
from faceswap.provenance.store import actions_of, read_store

WHERE = Path("p.jpg")
ACTIONS = {"label": "c2pa.actions", "data": {"actions": [{"action": "c2pa.edited"}]}}


def store(**manifest) -> str:
    return json.dumps({"active_manifest": "a", "manifests": {"a": manifest}})


@pytest.mark.parametrize(
    "content",
    [
        *("{", "[]", "{}", '{"active_manifest": "b", "manifests": {"a": {}}}'),
        *(store(assertions=[1]), store(assertions=[{"data": 1}]), store(ingredients={})),
        *(store(signature_info=[]), store(ingredients=[{"title": 1}])),
        store(ingredients=[{"validation_results": {"activeManifest": {"failure": [{}]}}}]),
    ],
)
def test_other_forms_are_refused(content):
    with pytest.raises(ProvenanceError, match=r"The manifest of p\.jpg"):
        read_store(content, WHERE)


def test_what_may_be_absent_may_be_null():
    found = read_store(store(assertions=None, ingredients=None, signature_info=None), WHERE)
    assert FileProvenance(WHERE, **_evaluate(found)).ingredients == ()


@pytest.mark.parametrize("data", [None, 1, [], {"actions": 1}, {"actions": [1, None, []]}])
def test_actions_of_another_form_are_skipped(data):
    manifest = {"assertions": [{"label": "c2pa.actions", "data": data}]}
    assert list(actions_of(manifest)) == []


def test_text_of_actions_is_text():
    data = {"actions": [{"action": "x", "when": 1, "digitalSourceType": ["y"]}]}
    manifest = {"assertions": [{"label": "c2pa.actions.v2", "data": data}]}
    assert list(actions_of(manifest)) == [{"action": "x"}]


def test_manifests_that_name_each_other_in_circles_end():
    ingredients = [{"title": "self", "active_manifest": "a"}] * 1000
    found = read_store(store(assertions=[ACTIONS], ingredients=ingredients), WHERE)
    provenance = FileProvenance(WHERE, **_evaluate(found))
    lines = list(describe(provenance))
    assert 50 < len(lines) < 500
    json.dumps(as_json(provenance))
