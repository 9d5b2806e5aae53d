"""Embeddings: the features that enter a network's last layer, with probes and projections."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch.nn.functional import pad

from classifier.data import LoadedImages, Sample
from classifier.evaluation.bootstrap import Estimate, estimate, resampling_units
from classifier.evaluation.measure import estimate_record
from classifier.evaluation.sample_reader import SampleReader
from classifier.interpretability.probes import fit_probe, knn_classes
from classifier.interpretability.projection import MOST_POINTS, planar, principal_components, tsne
from classifier.models.anatomy import embed
from classifier.models.inference import seen
from classifier.models.model_file import LoadedClassifier
from faceswap.core.errors import MediaError
from faceswap.core.seeding import generator

_MULTIPLE = 32  # sides are padded to a multiple, for networks that halve them up to five times


@dataclass(frozen=True)
class Embeddings:
    """Embeddings of images.

    Attributes:
        samples: Embedded samples; unreadable ones are left out.
        vectors: ``(N, D)`` embeddings.
        labels: ``(N,)`` labels in the network's class order; -1 for segmentation data.
    """

    samples: tuple[Sample, ...]
    vectors: NDArray[np.float32]
    labels: NDArray[np.int64]


def embed_data(
    loaded: LoadedClassifier, data: LoadedImages, batch_size: int, device: torch.device | str
) -> NDArray[np.float32]:
    """Compute ``(N, D)`` embeddings of decoded images."""
    loaded.module.eval().to(device)
    vectors: list[NDArray[np.float32]] = []
    for first in range(0, len(data), batch_size):
        pixels = np.ascontiguousarray(data.images[first : first + batch_size])
        with torch.inference_mode():
            images = seen(torch.from_numpy(pixels).to(device), loaded.built)
            height, width = images.shape[-2:]
            if loaded.built.task == "pixels" and (height % _MULTIPLE or width % _MULTIPLE):
                images = pad(images, (0, -width % _MULTIPLE, 0, -height % _MULTIPLE), "replicate")
            vectors.append(embed(loaded.built, images).float().cpu().numpy())
    return np.concatenate(vectors)


def embed_samples(
    reader: SampleReader,
    samples: Sequence[Sample],
    *,
    batch_size: int = 64,
    device: torch.device | str = "cpu",
    on_image: Callable[[int], None] = lambda _: None,
) -> Embeddings:
    """Compute embeddings of samples.

    Args:
        reader: Reader of the samples, with the network.
        samples: Samples to embed.
        batch_size: Images per batch.
        device: Device of the network.
        on_image: Called with the number of images read or skipped since the last call.

    Raises:
        MediaError: No sample is readable.
    """
    kept: list[Sample] = []
    vectors: list[NDArray[np.float32]] = []
    labels: list[NDArray[np.int64]] = []
    for data in reader.chunks(samples, on_image):
        kept += data.samples
        vectors.append(embed_data(reader.loaded, data, batch_size, device))
        whole = reader.loaded.built.task == "images"
        labels.append(data.labels.astype(np.int64) if whole else np.full(len(data), -1, np.int64))
    if not kept:
        raise MediaError("Found no readable image to embed.", "Choose other data.")
    return Embeddings(tuple(kept), np.concatenate(vectors), np.concatenate(labels))


@dataclass(frozen=True)
class ProbeResult:
    """Accuracy of simple classifiers on frozen embeddings.

    Attributes:
        knn_accuracy: Accuracy of k-nearest neighbours on the held-out images, in [0, 1], with its
            95 % interval.
        linear_accuracy: Accuracy of logistic regression on the same images, with its interval.
        chance: Accuracy of always predicting the most frequent held-out class, in [0, 1].
        neighbours: Number of neighbours that vote.
        penalty: L2 penalty of the logistic regression.
        train: Number of training images.
        held_out: Number of held-out images.
    """

    knn_accuracy: Estimate
    linear_accuracy: Estimate
    chance: float
    neighbours: int
    penalty: float
    train: int
    held_out: int

    def record(self) -> dict[str, Any]:
        """Convert to a JSON object; missing interval bounds become null."""
        accuracies = {
            "knn_accuracy": estimate_record(self.knn_accuracy),
            "linear_accuracy": estimate_record(self.linear_accuracy),
        }
        return asdict(self) | accuracies


def probe(
    found: Embeddings, train: NDArray[np.bool_], classes: int, neighbours: int, seed: int
) -> ProbeResult:
    """Fit both probes on the training embeddings and test them on the others.

    Args:
        found: Embeddings with labels.
        train: ``(N,)`` mask of the training embeddings.
        classes: Number of classes.
        neighbours: Number of neighbours that vote, at most the number of training embeddings.
        seed: Seed of the choice of the penalty and of the bootstrap.
    """
    vectors, labels = found.vectors[train], found.labels[train]
    queries, truth = found.vectors[~train], found.labels[~train]
    votes = knn_classes(queries, vectors, labels, neighbours, classes)
    linear = fit_probe(vectors, labels, classes, seed)
    held_out = [sample for sample, used in zip(found.samples, train, strict=True) if not used]
    correct = {"knn": votes == truth, "linear": linear.predict(queries) == truth}
    accuracy = _accuracies(correct, resampling_units([one.group for one in held_out]), seed)
    return ProbeResult(
        accuracy["knn"],
        accuracy["linear"],
        float(np.bincount(truth).max() / len(truth)),
        min(neighbours, len(vectors)),
        linear.penalty,
        len(vectors),
        len(queries),
    )


def _accuracies(
    correct: Mapping[str, NDArray[np.bool_]], units: NDArray[np.int64], seed: int
) -> dict[str, Estimate]:
    def accuracy(counts: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        return {name: counts @ hits / counts.sum(1) for name, hits in correct.items()}

    values = {name: float(hits.mean()) for name, hits in correct.items()}
    return estimate(values, accuracy, units, seed=seed)


@dataclass(frozen=True)
class FeatureMap:
    """Two-dimensional projection of embeddings.

    Attributes:
        chosen: ``(M,)`` indices of the projected embeddings, ascending.
        points: ``(M, 2)`` points.
        method: "pca" or "tsne".
    """

    chosen: NDArray[np.int64]
    points: NDArray[np.float32]
    method: str


def project_vectors(
    vectors: NDArray[np.float32],
    method: str,
    perplexity: float,
    seed: int,
    on_step: Callable[[int], None] = lambda _: None,
) -> FeatureMap:
    """Project embeddings to two dimensions.

    Args:
        vectors: ``(N, D)`` embeddings.
        method: "pca" or "tsne"; t-SNE projects a random sample of at most ``MOST_POINTS``.
        perplexity: Perplexity of t-SNE, the effective number of neighbours.
        seed: Seed of the sample and of t-SNE.
        on_step: Called with 1 after each of t-SNE's ``STEPS``.
    """
    chosen = np.arange(len(vectors))
    if method == "pca":
        return FeatureMap(chosen, planar(principal_components(vectors, 2)), method)
    if len(vectors) > MOST_POINTS:
        chosen = np.sort(generator(seed, "map").permutation(len(vectors))[:MOST_POINTS])
    points = tsne(vectors[chosen], perplexity=perplexity, seed=seed, on_step=on_step)
    return FeatureMap(chosen, points, method)


def as_table(
    found: Embeddings, layout: FeatureMap, split_of: Mapping[str, str], classes: Sequence[str]
) -> pa.Table:
    """Build a table with one row per image: path, split, label, projected point, embedding.

    Args:
        found: Embeddings.
        layout: Projection; images that are not in it have null coordinates.
        split_of: Split of each sample, by sample name.
        classes: Class names.
    """
    points = np.full((len(found.samples), 2), np.nan)
    points[layout.chosen] = layout.points
    absent = np.isnan(points)
    return pa.table(
        {
            "path": [sample.name for sample in found.samples],
            "split": [split_of.get(sample.name) for sample in found.samples],
            "label": [classes[label] if label >= 0 else None for label in found.labels],
            "x": pa.array(points[:, 0], mask=absent[:, 0]),
            "y": pa.array(points[:, 1], mask=absent[:, 1]),
            "vector": pa.FixedSizeListArray.from_arrays(
                pa.array(found.vectors.ravel()), found.vectors.shape[1]
            ),
        }
    )
