"""Functions behind ``import classifier``: trained networks for use in other programs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from classifier.data import LoadedImages, Sample
from classifier.data.images import scale
from classifier.evaluation.prediction import Prediction, Unreadable, find_images
from classifier.evaluation.prediction import predict_files as _predict_files
from classifier.evaluation.run_data import read_run
from classifier.evaluation.sample_reader import read_side
from classifier.interpretability.embeddings import embed_data
from classifier.models.inference import predict_images as _predict_images
from classifier.models.model_file import LoadedClassifier, load_model
from faceswap.core.device import pick_device

PathLike = Path | str


@dataclass(frozen=True)
class Classifier:
    """Trained network with the preprocessing of its run.

    Attributes:
        loaded: Network, classes and input format.
        size: Height and width that images are scaled to, or None for a network that takes images
            of any size.
        device: Device of the network.
    """

    loaded: LoadedClassifier
    size: tuple[int, int] | None
    device: torch.device

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the outputs."""
        return self.loaded.classes


def load_classifier(path: PathLike, device: str = "auto") -> Classifier:
    """Load a trained network.

    Args:
        path: Directory of a run, or of the model it exported.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Raises:
        ModelFileError: The model is missing, damaged or of another version.
    """
    place = pick_device(device)
    loaded = load_model(Path(path), str(place))
    return Classifier(loaded, read_side(loaded, read_run(Path(path))), place)


def predict_files(
    classifier: Classifier, paths: PathLike | Sequence[PathLike], batch_size: int = 64
) -> Iterator[Prediction | Unreadable]:
    """Classify image files.

    Args:
        classifier: Network from ``load_classifier``.
        paths: Images, and folders that are searched recursively.
        batch_size: Images per batch.

    Yields:
        Probabilities of each file, or the reason why it cannot be read.
    """
    listed = [paths] if isinstance(paths, Path | str) else paths
    files = find_images([Path(path) for path in listed])
    yield from _predict_files(
        classifier.loaded, files, classifier.size, batch_size=batch_size, device=classifier.device
    )


def predict_images(
    classifier: Classifier, images: Iterable[NDArray[np.uint8]], batch_size: int = 64
) -> Iterator[NDArray[np.float32]]:
    """Classify images that are in memory.

    Args:
        classifier: Network from ``load_classifier``.
        images: ``(H, W, 3) uint8 RGB`` of any sizes.
        batch_size: Images per batch.

    Yields:
        Probabilities of each image, ``(K,)``, or ``(K, h, w)`` of a network for pixels, where
        ``(h, w)`` is the size the network was given.
    """
    for batch in _batches(classifier, images, batch_size):
        for found in _predict_images(classifier.loaded, batch, batch_size, classifier.device):
            yield from found


def extract_features(
    classifier: Classifier, images: Iterable[NDArray[np.uint8]], batch_size: int = 64
) -> NDArray[np.float32]:
    """Compute the features of images: the input of the network's last layers.

    Args:
        classifier: Network from ``load_classifier``.
        images: ``(H, W, 3) uint8 RGB`` of any sizes; at least one.
        batch_size: Images per batch.

    Returns:
        ``(N, D) float32``.
    """
    vectors = []
    for batch in _batches(classifier, images, batch_size):
        samples = tuple(Sample(Path(), -1) for _ in batch)
        data = LoadedImages(batch, np.full(len(batch), -1, np.int64), samples)
        vectors.append(embed_data(classifier.loaded, data, batch_size, classifier.device))
    return np.concatenate(vectors)


def _batches(
    classifier: Classifier, images: Iterable[NDArray[np.uint8]], batch_size: int
) -> Iterator[NDArray[np.uint8]]:
    """Yield ``(B, C, h, w)`` batches of images of one size, in order."""
    loaded = classifier.loaded
    channels, task = loaded.input.channels, loaded.built.task
    waiting = iter(images)
    while chosen := list(islice(waiting, batch_size)):
        scaled = [
            scale(
                Image.fromarray(image),
                classifier.size or (image.shape[0], image.shape[1]),
                channels,
                task,
            )
            for image in chosen
        ]
        for _, group in groupby(scaled, key=np.shape):
            yield np.stack(list(group))
