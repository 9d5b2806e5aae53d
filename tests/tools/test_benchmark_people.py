"""The benchmark of people compares groupings, on tracks as similar as those of real people."""

import importlib
from pathlib import Path

import numpy as np
import pytest

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    return importlib.import_module("benchmarks.people")


def test_agreement_counts_pairs(benchmark):
    assert benchmark.agreement([0, 0, 1, 1], [5, 5, 7, 7]) == (1, 1)
    # Of the pairs of four, two are found; all that are found are right.
    assert benchmark.agreement([0, 0, 1, 1], [0, 0, 0, 0]) == (pytest.approx(2 / 6), 1)
    assert benchmark.agreement([0, 0, 0, 0], [0, 0, 1, 1]) == (1, pytest.approx(2 / 6))
    assert benchmark.agreement([0, 1, 1, 2], [0, 0, 1, 1]) == (0, 0)


def test_similarities_are_those_of_a_network(benchmark):
    tracks, who = benchmark.synthetic_tracks(600, 5)
    vectors = tracks.astype(np.float64)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=2e-3)
    similar, same = vectors @ vectors.T, who[:, None] == who
    within = similar[same & ~np.eye(600, dtype=bool)]
    assert within.mean() == pytest.approx(0.69, abs=0.02)
    # Tracks have 0.7 of what their people have.
    assert similar[~same].mean() == pytest.approx(0.09 * 0.69, abs=0.01)


def test_both_groupings_are_compared(benchmark, capsys):
    benchmark.benchmark_people(300, 5, 0.42, exact=True, approximate=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition("  ")[0] for line in lines] == [
        "exact, against the truth",
        "approximate, against the truth",
        "approximate, against exact",
    ]
    assert lines[2].endswith("recall 1.0000  precision 1.0000")
