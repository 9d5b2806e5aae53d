"""What is missing in a faceset, in sentences."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from faceswap.curation.analysis import Analysis
from faceswap.curation.findings import findings
from faceswap.curation.measured_faces import MeasuredFaces
from faceswap.curation.outliers import Outlier
from faceswap.curation.thumbnails import Thumbnails
from faceswap.facesets.faceset import Faceset

COUNT = 1000


@pytest.fixture
def varied(make_faceset, tmp_path) -> Analysis:
    """An analysis of varied faces, none of which is a near-duplicate."""
    faceset = Faceset.open(make_faceset(tmp_path / "a", faces=1))
    random = np.random.default_rng(0)
    values: dict[str, Any] = {
        name: random.uniform(low, high, COUNT).astype(np.float32)
        for name, low, high in (
            ("yaw", -60, 60), ("pitch", -30, 30), ("mouth_opening", 0, 0.2),
            ("eye_opening", 0, 0.07), ("size", 200, 300), ("light_right", -1, 1),
        )
    }  # fmt: skip
    pairs = [(faceset, faceset.faces()[0])] * COUNT
    nothing = Thumbnails(np.zeros((0, 1, 1, 3), np.uint8), np.zeros((0, 1, 1), np.bool_), 0.5)
    faces = MeasuredFaces("a", [faceset], pairs, 0, 0, values, nothing)
    return Analysis(faces, np.arange(COUNT), [], [], {}, None)


def test_varied_faces_lack_nothing(varied) -> None:
    assert findings(varied) == ["No large gap in poses, expressions, light or sharpness was found."]


def test_each_gap_is_named(varied) -> None:
    still = np.zeros(COUNT, np.float32)
    varied.faces.values.update(
        yaw=still + 35,
        pitch=still,
        mouth_opening=still,
        eye_opening=still + 0.05,
        size=still + 64,
        light_right=still,
    )
    found = "\n".join(findings(varied))
    assert "turned to image left by more than 30°" in found
    assert "lowered or raised by more than 15°" in found
    assert "The mouth is hardly ever open" in found
    assert "The eyes are hardly ever closed" in found
    assert "smaller than 64 pixels" in found
    assert "about one light from the side" in found


def test_duplicates_people_and_outliers_are_counted(varied) -> None:
    alike = np.minimum(np.arange(COUNT), 399)  # 600 are near-duplicates of one
    people = {"1": np.arange(500), "2": np.arange(500, COUNT)}
    busy = replace(
        varied, representatives=alike, people=people, outliers=[Outlier(3, ("dark",), 7.0)]
    )
    assert [line.split(":")[0] for line in findings(busy)] == [
        "60% of the faces are near-duplicates",
        "There are 2 people",
        "Outliers",
    ]
