"""Images as vectors: what enters a network's last layers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch.nn.functional import pad

from classifier.data import LoadedImages, Sample
from classifier.evaluation.sample_reader import SampleReader
from classifier.interpretability.probes import fit_probe, knn_classes
from classifier.interpretability.projection import MOST_POINTS, principal_components, tsne
from classifier.models.anatomy import embed
from classifier.models.inference import seen
from classifier.models.model_file import LoadedClassifier
from faceswap.core.errors import MediaError
from faceswap.core.seeding import generator

_MULTIPLE = 32  # of the sides, for networks that halve them up to five times


@dataclass(frozen=True)
class Embeddings:
    """Vectors of images.

    Attributes:
        samples: What could be read.
        vectors: ``(N, D)``.
        labels: ``(N,)`` class of each in the network's order; -1 where pixels have classes.
    """

    samples: tuple[Sample, ...]
    vectors: NDArray[np.float32]
    labels: NDArray[np.int64]


def embed_data(
    loaded: LoadedClassifier, data: LoadedImages, batch_size: int, device: torch.device | str
) -> NDArray[np.float32]:
    """``(N, D)`` vectors of decoded images."""
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
    """Vectors of samples; what cannot be read is left out.

    Args:
        reader: Reads them for its network.
        samples: Which.
        batch_size: Images at a time.
        device: Where to compute.
        on_image: Called with the number of images that were just read or left out.

    Raises:
        MediaError: There are none.
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
        raise MediaError("There are no images to embed.", "Choose other data.")
    return Embeddings(tuple(kept), np.concatenate(vectors), np.concatenate(labels))


@dataclass(frozen=True)
class ProbeResult:
    """How well simple methods tell classes apart by the vectors alone.

    Attributes:
        knn_accuracy: Share of the images kept aside whose nearest neighbours have their class.
        linear_accuracy: The same for logistic regression.
        chance: Share of the class most common among those kept aside.
        neighbours: How many of them voted.
        penalty: Of the logistic regression, chosen on a fifth of the training vectors.
        train: Images fitted on.
        held_out: Images measured on.
    """

    knn_accuracy: float
    linear_accuracy: float
    chance: float
    neighbours: int
    penalty: float
    train: int
    held_out: int


def probe(
    found: Embeddings, train: NDArray[np.bool_], classes: int, neighbours: int, seed: int
) -> ProbeResult:
    """Fits on some vectors, measures on the others.

    Args:
        found: Vectors with labels.
        train: ``(N,)``, those to fit on.
        classes: How many there are.
        neighbours: How many vote; no more than there are.
        seed: Of the choice of the penalty.
    """
    known, labels = found.vectors[train], found.labels[train]
    queries, truth = found.vectors[~train], found.labels[~train]
    votes = knn_classes(queries, known, labels, neighbours, classes)
    linear = fit_probe(known, labels, classes, seed)
    return ProbeResult(
        float((votes == truth).mean()),
        float((linear.predict(queries) == truth).mean()),
        float(np.bincount(truth).max() / len(truth)),
        min(neighbours, len(known)),
        linear.penalty,
        len(known),
        len(queries),
    )


@dataclass(frozen=True)
class FeatureMap:
    """Points for some of the vectors.

    Attributes:
        chosen: Their positions, ascending.
        points: ``(M, 2)``.
        method: "pca" or "tsne".
    """

    chosen: NDArray[np.int64]
    points: NDArray[np.float32]
    method: str


def map_vectors(
    vectors: NDArray[np.float32],
    method: str,
    perplexity: float,
    seed: int,
    on_step: Callable[[int], None] = lambda _: None,
) -> FeatureMap:
    """Lays vectors out on a plane.

    Args:
        vectors: ``(N, D)``.
        method: "pca", or "tsne", which takes some at random where there are very many.
        perplexity: Of t-SNE: about how many neighbours count.
        seed: Of that choice.
        on_step: Called with 1 after each of t-SNE's ``STEPS``.
    """
    everything = np.arange(len(vectors))
    if method == "pca":
        points = principal_components(vectors, 2)
        points = np.pad(points, ((0, 0), (0, 2 - points.shape[1])))
        return FeatureMap(everything, points, method)
    if len(vectors) > MOST_POINTS:
        drawn = generator(seed, "map").permutation(len(vectors))[:MOST_POINTS]
        everything = np.sort(drawn)
    points = tsne(vectors[everything], perplexity=perplexity, seed=seed, on_step=on_step)
    return FeatureMap(everything, points, method)


def as_table(
    found: Embeddings, layout: FeatureMap, split_of: dict[str, str], classes: Sequence[str]
) -> pa.Table:
    """A row for each image: path, split, label, its place on the map if it has one, vector."""
    places = np.full((len(found.samples), 2), np.nan)
    places[layout.chosen] = layout.points
    absent = np.isnan(places)
    return pa.table(
        {
            "path": [sample.name for sample in found.samples],
            "split": [split_of.get(sample.name) for sample in found.samples],
            "label": [classes[label] if label >= 0 else None for label in found.labels],
            "x": pa.array(places[:, 0], mask=absent[:, 0]),
            "y": pa.array(places[:, 1], mask=absent[:, 1]),
            "vector": pa.FixedSizeListArray.from_arrays(
                pa.array(found.vectors.ravel()), found.vectors.shape[1]
            ),
        }
    )
