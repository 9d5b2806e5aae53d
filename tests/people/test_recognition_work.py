"""Recognition of people as the work of an engine."""

import shutil

import pytest

import faceswap.people.recognition_work as recognition_work
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.media.sources import find_sources
from faceswap.people.recognition import recognise
from faceswap.people.recognition_work import FacesetItem, RecogniseWork
from tests.facesets.test_killed_faceset import content
from tests.footage import write_clip
from tests.people.colours import Colours


@pytest.fixture
def faceset(tmp_path):
    (source,) = find_sources([write_clip(tmp_path / "clip.mp4", 6)])
    extract_source(source, tmp_path / "faces" / "clip", ExtractSettings())
    return tmp_path / "faces" / "clip"


def test_a_faceset_is_one_part_and_gets_the_same_embeddings(faceset, tmp_path, monkeypatch):
    monkeypatch.setattr(recognition_work, "build_recognizer", Colours)
    shutil.copytree(faceset, tmp_path / "other")
    recognise(Faceset.open(tmp_path / "other"), Colours())
    work, item = RecogniseWork(), FacesetItem(faceset)
    plan = work.plan(item)
    (part,) = plan.parts
    result = work.run(item, part)
    assert (part.frames, result.frames) == (6, 6)
    assert work.finish(item, plan.facts, [result]) == 6
    assert content(faceset) == content(tmp_path / "other")
    assert not RecogniseWork().plan(item).parts
    assert RecogniseWork().run(item, part).frames == 0
