"""Embeddings that are nearly equal are joined in their order, one after the other."""

import numpy as np
import pytest

from faceswap.core.seeding import generator
from faceswap.people.groups import NOBODY, number_names
from faceswap.people.joining import ALIKE, join_alike


def one_by_one(embeddings: np.ndarray, weights: np.ndarray, names: np.ndarray) -> list[int]:
    """Group of each embedding: the most similar one of all so far, or a new one."""
    of = np.full(len(names), -1)
    means, masses, known = np.empty((0, embeddings.shape[1])), [], []
    for number in np.argsort(names == NOBODY, kind="stable").tolist():
        similar = means @ embeddings[number]
        if names[number] != NOBODY:
            similar[np.array(known, int) != names[number]] = -np.inf
        best = int(similar.argmax()) if len(similar) else -1
        if best < 0 or similar[best] < ALIKE:
            best = len(means)
            means = np.vstack([means, embeddings[number]])
            masses.append(weights[number])
            known.append(names[number])
        else:
            total = masses[best] + weights[number]
            sums = means[best] * masses[best] + embeddings[number] * weights[number]
            means[best], masses[best] = sums / total, total
        of[number] = best
    return of.tolist()


def similar_photos() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """1,500 photos of 60 people, some of whom have names."""
    random = generator(0, "joining")
    centres = random.normal(size=(60, 32))[random.integers(0, 60, 1500)]
    photos = centres / np.linalg.norm(centres, axis=1, keepdims=True)
    photos += 0.1 * random.normal(size=photos.shape)
    photos /= np.linalg.norm(photos, axis=1, keepdims=True)
    names = [[None, None, None, "ann", "eve"][i] for i in random.integers(0, 5, 1500)]
    return photos, random.integers(1, 9, 1500).astype(float), number_names(names)


@pytest.mark.parametrize("exact_up_to", [10_000, 100, 0])
def test_blocks_join_as_single_embeddings_do(exact_up_to):
    photos, weights, names = similar_photos()
    groups, index = join_alike(photos, weights, names, exact_up_to)
    assert groups.of.tolist() == one_by_one(photos, weights, names)
    assert (index is not None) == (groups.count > exact_up_to)
    assert groups.count > 100


def test_means_are_weighted_by_faces():
    photos, weights, names = similar_photos()
    groups, _ = join_alike(photos, weights, names, 10_000)
    for group in range(0, groups.count, 7):
        members = groups.of == group
        assert groups.weights[group] == weights[members].sum()
        expected = np.average(photos[members], axis=0, weights=weights[members])
        np.testing.assert_allclose(groups.means[group], expected, atol=1e-6)
