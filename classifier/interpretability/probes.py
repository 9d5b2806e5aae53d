"""How much of the classes lies in vectors: by the nearest neighbours, and by one linear layer."""

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
    """Neighbours of vectors.

    Attributes:
        positions: ``(N, k)`` into the vectors searched, the nearest first.
        similarity: ``(N, k)`` cosine.
    """

    positions: NDArray[np.int64]
    similarity: NDArray[np.float32]


def nearest_vectors(
    queries: NDArray[np.float32], known: NDArray[np.float32], count: int
) -> Nearest:
    """The most alike of known vectors, by the cosine of the angle between them.

    Args:
        queries: ``(N, D)``.
        known: ``(M, D)``.
        count: How many; no more than there are.
    """
    base = _unit(known).T
    count = min(count, len(known))
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
    known: NDArray[np.float32],
    labels: NDArray[np.int64],
    count: int,
    classes: int,
) -> NDArray[np.int64]:
    """The class most common among the nearest; of equally common ones the more alike.

    Args:
        queries: ``(N, D)``.
        known: ``(M, D)``.
        labels: ``(M,)`` classes of those.
        count: How many neighbours vote.
        classes: How many there are.

    Returns:
        ``(N,)``.
    """
    found = nearest_vectors(queries, known, count)
    votes = np.zeros((len(queries), classes))
    rows = np.arange(len(queries))[:, None]
    # The cosine, at most 1, only breaks ties between whole votes.
    np.add.at(votes, (rows, labels[found.positions]), 1 + 1e-4 * found.similarity)
    return votes.argmax(1)


@dataclass(frozen=True)
class LinearProbe:
    """Logistic regression on standardised vectors.

    Attributes:
        weight: ``(K, D)``.
        bias: ``(K,)``.
        mean: ``(D,)`` subtracted from vectors.
        scale: ``(D,)`` by which the difference is divided.
        penalty: Of the squared weights.
    """

    weight: Tensor
    bias: Tensor
    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    penalty: float

    def classes_of(self, vectors: NDArray[np.float32]) -> NDArray[np.int64]:
        """``(N, D)`` -> ``(N,)`` classes."""
        inputs = torch.from_numpy((vectors - self.mean) / self.scale)
        return (inputs @ self.weight.T + self.bias).argmax(1).numpy()


def fit_probe(
    vectors: NDArray[np.float32], labels: NDArray[np.int64], classes: int, seed: int = 0
) -> LinearProbe:
    """Logistic regression; its penalty is the one that did best on a fifth kept out of the fit.

    Args:
        vectors: ``(N, D)``.
        labels: ``(N,)``.
        classes: How many there are.
        seed: Of the choice of that fifth.
    """
    order = generator(seed, "probe").permutation(len(vectors))
    aside, rest = order[: len(order) // 5], order[len(order) // 5 :]
    if not len(aside):
        return fit_logistic(vectors, labels, classes, PENALTIES[2])
    right = [
        (
            fit_logistic(vectors[rest], labels[rest], classes, penalty).classes_of(vectors[aside])
            == labels[aside]
        ).mean()
        for penalty in PENALTIES
    ]
    # Of equally good ones the stronger: it leans least on single vectors.
    best = max(zip(right, PENALTIES, strict=True))[1]
    return fit_logistic(vectors, labels, classes, best)


def fit_logistic(
    vectors: NDArray[np.float32], labels: NDArray[np.int64], classes: int, penalty: float
) -> LinearProbe:
    """Multinomial logistic regression by L-BFGS.

    Args:
        vectors: ``(N, D)``.
        labels: ``(N,)``.
        classes: How many there are.
        penalty: Weight of half the squared weights beside the mean cross-entropy.
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
