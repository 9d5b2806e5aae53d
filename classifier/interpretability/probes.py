"""Probes of embeddings: k-nearest neighbours and logistic regression."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from faceswap.core.seeding import generator

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
_CHUNK = 1024


@dataclass(frozen=True)
class Nearest:
    """Nearest neighbours of query vectors.

    Attributes:
        positions: ``(N, k)`` indices into the reference vectors, nearest first.
        similarity: ``(N, k)`` cosine similarities, in [-1, 1].
    """

    positions: NDArray[np.int64]
    similarity: NDArray[np.float32]


def nearest_vectors(
    queries: NDArray[np.float32], reference: NDArray[np.float32], count: int
) -> Nearest:
    """Find the reference vectors of highest cosine similarity.

    Args:
        queries: ``(N, D)`` query vectors.
        reference: ``(M, D)`` reference vectors.
        count: Number of neighbours, at most M.
    """
    base = _unit(reference).T
    count = min(count, len(reference))
    similar, positions = [], []
    for first in range(0, len(queries), _CHUNK):
        top = (_unit(queries[first : first + _CHUNK]) @ base).topk(count, dim=1)
        similar.append(top.values)
        positions.append(top.indices)
    return Nearest(torch.cat(positions).numpy(), torch.cat(similar).numpy())


def _unit(vectors: NDArray[np.float32]) -> Tensor:
    return torch.nn.functional.normalize(torch.from_numpy(vectors), dim=1)


def knn_classes(
    queries: NDArray[np.float32],
    reference: NDArray[np.float32],
    labels: NDArray[np.int64],
    count: int,
    classes: int,
) -> NDArray[np.int64]:
    """Classify by majority vote of the nearest neighbours; ties go to the more similar class.

    Args:
        queries: ``(N, D)`` vectors to classify.
        reference: ``(M, D)`` labelled vectors.
        labels: ``(M,)`` labels of the reference vectors.
        count: Number of neighbours that vote.
        classes: Number of classes.

    Returns:
        ``(N,)`` predicted classes.
    """
    found = nearest_vectors(queries, reference, count)
    votes = np.zeros((len(queries), classes))
    rows = np.arange(len(queries))[:, None]
    # The similarity is too small to do more than break ties between votes.
    np.add.at(votes, (rows, labels[found.positions]), 1 + 1e-4 * found.similarity)
    return votes.argmax(1)


@dataclass(frozen=True)
class LinearProbe:
    """Logistic regression on standardised vectors.

    Attributes:
        weight: ``(K, D)`` weights.
        bias: ``(K,)`` biases.
        mean: ``(D,)`` mean of the training vectors.
        scale: ``(D,)`` standard deviation of the training vectors.
        penalty: Weight of the L2 penalty.
    """

    weight: Tensor
    bias: Tensor
    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    penalty: float

    def predict(self, vectors: NDArray[np.float32]) -> NDArray[np.int64]:
        """Classify vectors, ``(N, D)`` -> ``(N,)`` classes."""
        inputs = torch.from_numpy((vectors - self.mean) / self.scale)
        return (inputs @ self.weight.T + self.bias).argmax(1).numpy()


def fit_probe(
    vectors: NDArray[np.float32], labels: NDArray[np.int64], classes: int, seed: int = 0
) -> LinearProbe:
    """Fit logistic regression; the L2 penalty is chosen on a validation fifth of the vectors.

    Args:
        vectors: ``(N, D)`` training vectors.
        labels: ``(N,)`` labels.
        classes: Number of classes.
        seed: Seed of the split into training and validation vectors.
    """
    order = generator(seed, "probe").permutation(len(vectors))
    held_out, train = order[: len(order) // 5], order[len(order) // 5 :]
    if not len(held_out):
        return fit_logistic(vectors, labels, classes, PENALTIES[2])
    accuracy = [
        (
            fit_logistic(vectors[train], labels[train], classes, penalty).predict(vectors[held_out])
            == labels[held_out]
        ).mean()
        for penalty in PENALTIES
    ]
    # On ties, prefer the largest penalty.
    best = max(zip(accuracy, PENALTIES, strict=True))[1]
    return fit_logistic(vectors, labels, classes, best)


def fit_logistic(
    vectors: NDArray[np.float32], labels: NDArray[np.int64], classes: int, penalty: float
) -> LinearProbe:
    """Fit multinomial logistic regression with L-BFGS.

    Args:
        vectors: ``(N, D)`` training vectors.
        labels: ``(N,)`` labels.
        classes: Number of classes.
        penalty: Weight of the L2 penalty (half the sum of squared weights), added to the mean
            cross-entropy.
    """
    mean, scale = vectors.mean(0), vectors.std(0)
    scale = np.where(scale > 1e-6, scale, 1).astype(np.float32)
    inputs, targets = torch.from_numpy((vectors - mean) / scale), torch.from_numpy(labels)
    weight = torch.zeros(classes, vectors.shape[1], requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=200, tolerance_grad=1e-6, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = cross_entropy(inputs @ weight.T + bias, targets)
        value = value + penalty / 2 * weight.square().sum()
        value.backward()
        return value

    optimizer.step(loss)  # pyright: ignore[reportArgumentType] (a closure may give a tensor)
    return LinearProbe(weight.detach(), bias.detach(), mean, scale, penalty)
