"""Two-dimensional projections of embeddings: PCA and t-SNE."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap.core.seeding import generator

MOST_POINTS = 2000
"""Largest number of points of exact t-SNE, whose cost grows quadratically."""

STEPS = 750
"""Gradient descent steps of t-SNE."""

_EXAGGERATION, _EXAGGERATED_STEPS = 12.0, 250


def principal_components(vectors: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Project vectors onto their first principal components (Pearson, 1901).

    Args:
        vectors: ``(N, D)`` vectors.
        count: Number of components.

    Returns:
        ``(N, min(count, N, D))`` coordinates; the sign of each component makes its value of largest
        magnitude positive.
    """
    centred = torch.from_numpy(vectors - vectors.mean(0)).double()
    left, scale, _ = torch.linalg.svd(centred, full_matrices=False)
    points = (left * scale)[:, :count].numpy()
    extreme = np.abs(points).argmax(0)
    signs = np.sign(points[extreme, np.arange(points.shape[1])])
    return (points * np.where(signs == 0, 1, signs)).astype(np.float32)


def tsne(
    vectors: NDArray[np.float32],
    *,
    perplexity: float = 30.0,
    steps: int = STEPS,
    seed: int = 0,
    on_step: Callable[[int], None] = lambda _: None,
) -> NDArray[np.float32]:
    """Exact t-SNE (van der Maaten and Hinton, 2008), initialised with the first two PCA components.

    The initialisation preserves the global structure (Kobak and Berens, 2019).

    Args:
        vectors: ``(N, D)`` vectors, reduced to 50 dimensions by PCA first.
        perplexity: Effective number of neighbours; lower if there are few points.
        steps: Number of gradient descent steps.
        seed: Seed of the small noise that separates equal vectors.
        on_step: Called with 1 after each step.

    Returns:
        ``(N, 2)`` points.
    """
    count = len(vectors)
    if count < 5:
        return planar(principal_components(vectors, 2))
    reduced = principal_components(vectors, 50)
    wanted = min(perplexity, (count - 1) / 3)
    inputs = torch.from_numpy(reduced)
    affinities = _affinities(torch.cdist(inputs, inputs).square(), wanted)
    start = planar(principal_components(reduced, 2))
    noise = generator(seed, "tsne").normal(0, 1e-6, start.shape)
    scaled = 1e-4 * start / max(float(start[:, 0].std()), 1e-12) + noise
    points = torch.from_numpy(scaled.astype(np.float32))
    return _descend(affinities, points, steps, on_step).numpy()


def planar(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pad ``(N, 0)`` to ``(N, 2)`` points with zeros to ``(N, 2)``."""
    return np.pad(points, ((0, 0), (0, 2 - points.shape[1])))


def _affinities(squared: Tensor, perplexity: float, rounds: int = 60) -> Tensor:
    """Symmetric ``(N, N)`` neighbour probabilities; bandwidths are found by bisection."""
    distances = squared.double().fill_diagonal_(torch.inf)
    # Relative to the nearest neighbour, so that no row underflows completely.
    distances = distances - distances.amin(1, keepdim=True)
    low = torch.zeros(len(distances), 1, dtype=torch.float64)
    high = torch.full_like(low, torch.inf)
    mean = distances.nan_to_num(posinf=0).mean(1, keepdim=True)
    precision = 1 / mean.clamp_min(1e-12)
    rows = torch.zeros_like(distances)
    for _ in range(rounds):
        rows = torch.exp(-distances * precision)
        rows /= rows.sum(1, keepdim=True)
        entropy = torch.special.entr(rows).sum(1, keepdim=True)
        too_wide = entropy > np.log(perplexity)
        low, high = torch.where(too_wide, precision, low), torch.where(too_wide, high, precision)
        precision = torch.where(high.isinf(), 2 * precision, (low + high) / 2)
    return ((rows + rows.T) / (2 * len(rows))).clamp_min(1e-12).float()


def _descend(
    affinities: Tensor, points: Tensor, steps: int, on_step: Callable[[int], None]
) -> Tensor:
    """Gradient descent with momentum and adaptive gains per coordinate (Jacobs, 1988)."""
    rate = max(len(points) / _EXAGGERATION / 4, 50.0)
    velocity, gains = torch.zeros_like(points), torch.ones_like(points)
    for step in range(steps):
        early = step < _EXAGGERATED_STEPS
        gradient = _gradient(affinities * (_EXAGGERATION if early else 1.0), points)
        consistent = (gradient > 0) != (velocity > 0)
        gains = torch.where(consistent, gains + 0.2, gains * 0.8).clamp_min(0.01)
        velocity = (0.5 if early else 0.8) * velocity - rate * gains * gradient
        points = points + velocity
        on_step(1)
    return points - points.mean(0)


def _gradient(affinities: Tensor, points: Tensor) -> Tensor:
    """Gradient of the Kullback-Leibler divergence between the neighbour probabilities."""
    near = 1 / (1 + torch.cdist(points, points).square())
    near.fill_diagonal_(0)
    pull = (affinities - near / near.sum()) * near
    return 4 * (pull.sum(1, keepdim=True) * points - pull @ points)
