"""Outliers: only what is unusual among the faces and beyond a bound."""

import numpy as np

from faceswap.curation.outliers import find_outliers

ONE = np.zeros(100, np.int64)


def usual(count: int = 100) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        name: random.normal(middle, spread, count).astype(np.float32)
        for name, middle, spread in (
            ("misfit", 0.04, 0.005), ("score", 0.9, 0.02), ("sharpness", 500, 30), ("size", 200, 5),
            ("exposure", 0.5, 0.02), ("turn", 10, 3), ("yaw", 0, 5),
        )
    }  # fmt: skip


def test_usual_faces_are_no_outliers() -> None:
    assert not find_outliers(usual(), ONE)


def test_reasons_are_named_and_the_most_unusual_comes_first() -> None:
    values = usual()
    values["sharpness"][3] = 40
    values["misfit"][7] = 0.6
    values["size"][7] = 20
    first, second = find_outliers(values, ONE)
    assert (first.face, first.reasons) == (7, ("landmarks do not fit a face", "small"))
    assert (second.face, second.reasons) == (3, ("blurred",))


def test_what_is_good_enough_is_no_outlier_however_rare() -> None:
    values = usual()
    values["score"][:] = 0.9
    values["score"][5] = 0.7
    values["exposure"][:] = 0.5
    values["exposure"][6] = 0.4
    assert not find_outliers(values, ONE)


def test_no_faces_have_no_outliers() -> None:
    assert not find_outliers(usual(0), ONE[:0])
    assert not find_outliers({}, ONE[:0])


def test_each_source_has_its_own_usual_values() -> None:
    values = usual()
    values["sharpness"][:40] /= 20
    assert find_outliers(values, ONE)
    sources = (np.arange(100) < 40).astype(np.int64)
    assert not find_outliers(values, sources)
    values["sharpness"][5] /= 20
    assert [outlier.face for outlier in find_outliers(values, sources)] == [5]
