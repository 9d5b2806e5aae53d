import numpy as np
import pytest
import torch

from classifier.interpretability.probes import fit_logistic, fit_probe, knn_classes, nearest_vectors
from classifier.interpretability.projection import principal_components, tsne


def clusters(count: int, each: int, spread: float, size: int = 20) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    centres = 5 * random.normal(0, 1, (count, size))
    labels = np.repeat(np.arange(count), each)
    points = centres[labels] + random.normal(0, spread, (len(labels), size))
    return points.astype(np.float32), labels


def test_neighbours_by_cosine_similarity() -> None:
    reference = np.array([[1, 0], [0, 5], [-1, 0]], np.float32)
    found = nearest_vectors(np.array([[3, 1]], np.float32), reference, 2)
    assert found.positions.tolist() == [[0, 1]]
    assert found.similarity[0] == pytest.approx(np.array([3, 1]) / np.sqrt(10))
    votes = knn_classes(np.array([[3, 1]], np.float32), reference, np.array([1, 0, 0]), 2, 2)
    assert votes.tolist() == [1]  # one vote each: the more similar class wins
    votes = knn_classes(np.array([[3, 1]], np.float32), reference, np.array([1, 0, 0]), 9, 2)
    assert votes.tolist() == [0]


def test_logistic_regression_finds_the_minimum() -> None:
    vectors, labels = clusters(3, 40, spread=6.0, size=4)
    probe = fit_logistic(vectors, labels, 3, penalty=0.1)
    weight, bias = probe.weight.clone().requires_grad_(), probe.bias.clone().requires_grad_()
    inputs = torch.from_numpy((vectors - probe.mean) / probe.scale)
    loss = torch.nn.functional.cross_entropy(inputs @ weight.T + bias, torch.from_numpy(labels))
    loss = loss + 0.05 * weight.square().sum()
    slopes = torch.autograd.grad(loss, (weight, bias))
    assert max(slope.abs().max().item() for slope in slopes) < 1e-4


def test_probe_separates_clusters_but_not_noise() -> None:
    vectors, labels = clusters(3, 60, spread=1.0)
    held_out = np.arange(len(labels)) % 3 == 0
    probe = fit_probe(vectors[~held_out], labels[~held_out], 3)
    assert (probe.predict(vectors[held_out]) == labels[held_out]).mean() == 1
    noise = np.random.default_rng(1).normal(0, 1, (600, 5)).astype(np.float32)
    classes = np.arange(600) % 2
    probe = fit_probe(noise[:300], classes[:300], 2)
    assert abs((probe.predict(noise[300:]) == classes[300:]).mean() - 0.5) < 0.1


def test_principal_components_of_a_line() -> None:
    along = np.arange(10, dtype=np.float32)
    points = principal_components(np.stack([along, 2 * along, 0 * along], 1), 2)
    assert np.abs(points[:, 0]) == pytest.approx(np.abs(np.sqrt(5) * (along - 4.5)), abs=1e-4)
    assert np.abs(points[:, 1]).max() < 1e-4


def test_tsne_separates_three_clusters() -> None:
    vectors, labels = clusters(3, 40, spread=2.0, size=60)
    points = tsne(vectors, steps=400)
    assert points.shape == (120, 2)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    same = labels[:, None] == labels[None]
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argsort(1)[:, :10]
    assert (labels[nearest] == labels[:, None]).all()
    inside = distances[same & np.isfinite(distances)].max()
    centres = np.stack([points[labels == label].mean(0) for label in range(3)])
    between = min(np.linalg.norm(centres[a] - centres[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    assert between > inside
    assert np.array_equal(points, tsne(vectors, steps=400))


def test_tsne_of_few_and_of_equal_points() -> None:
    assert tsne(np.zeros((3, 4), np.float32)).shape == (3, 2)
    assert np.isfinite(tsne(np.ones((12, 4), np.float32), steps=50)).all()
    assert np.isfinite(tsne(np.arange(12, dtype=np.float32)[:, None], steps=50)).all()
