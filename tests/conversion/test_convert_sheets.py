"""Contact sheets of ``faceswap convert``: ``--preview`` and ``--sweep``."""

import numpy as np
import pytest

from faceswap.conversion import build
from faceswap.core.documents import read_json
from faceswap.media.converted import find_converted
from faceswap.media.images import read_image
from faceswap.provenance.file_provenance import read_provenance


def test_a_preview_is_a_marked_sheet_of_the_present_settings(run, convert, tmp_path):
    code, said = convert("--model", run, "-o", tmp_path / "out.png", "--preview", "3")
    assert code == 0, said
    assert "1 frame" in said
    assert not (tmp_path / "out.png").exists()
    made = read_image(tmp_path / "out.preview.png")
    assert made.shape == (2 * 320 + 3 * 24, 320, 3)
    source, converted = made[48:368], made[392:]
    changed = converted[(converted != source).any(2)]
    assert np.median(changed, 0).tolist() == pytest.approx([5] * 3, abs=3)
    found = read_provenance(tmp_path / "out.preview.png")
    assert found.state == "intact"
    assert found.conversion is not None
    assert found.conversion["shows"] == ["bob"]
    assert find_converted([tmp_path / "out.preview.png"])
    assert convert("--model", run, "-o", tmp_path / "out.png", "--preview", "1")[0] == 0  # again


def test_a_sweep_has_a_row_for_each_combination(run, convert, tmp_path):
    words = ["--sweep", "feather=2,30", "mask=hull,mesh"]
    code, said = convert("--model", run, "-o", tmp_path / "out.png", *words)
    assert code == 0, said
    made = read_image(tmp_path / "out.sweep.png")
    assert made.shape == (5 * 320 + 6 * 24, 320, 3)
    source, *rows = (made[24 + 344 * row + 24 : 24 + 344 * (row + 1)] for row in range(5))
    hard_hull, hard_mesh, soft_hull, soft_mesh = (np.abs(row - source.astype(int)) for row in rows)
    assert (hard_hull != hard_mesh).any()
    assert (soft_hull != soft_mesh).any()
    assert (hard_hull.max(2) > 100).sum() > (soft_hull.max(2) > 100).sum()  # solid up to the edge
    report = read_json(tmp_path / "out.sweep.png.json")
    assert [row["changes"] for row in report["rows"]] == [
        ["mask.feather=2", "mask.name=hull"],
        ["mask.feather=2", "mask.name=mesh"],
        ["mask.feather=30", "mask.name=hull"],
        ["mask.feather=30", "mask.name=mesh"],
    ]


def test_a_preview_replaces_no_file_of_others(run, convert, tmp_path):
    (tmp_path / "out.preview.png").write_bytes(b"mine")
    code, said = convert("--model", run, "-o", tmp_path / "out.png", "--preview", "3")
    assert code == 2
    assert "exists already" in said
    assert (tmp_path / "out.preview.png").read_bytes() == b"mine"


def test_the_networks_of_a_sweep_are_built_once(run, convert, tmp_path, monkeypatch):
    built = []

    def noted(function):
        return lambda first, *others: built.append(first) or function(first, *others)

    monkeypatch.setattr(build, "build_product", noted(build.build_product))
    monkeypatch.setattr(build, "build_hand_finder", noted(build.build_hand_finder))
    words = ["--sweep", "feather=2,30", "mask=hull,mesh"]
    code, said = convert("--model", run, "-o", tmp_path / "out.png", "--device", "cpu", *words)
    assert code == 0, said
    assert built == ["hull", "cpu", "mesh"]
