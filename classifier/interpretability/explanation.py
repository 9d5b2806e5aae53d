"""Explanation of predictions: attribution heat maps, filters, feature maps, similar images."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from classifier.data import LoadedImages, Sample
from classifier.data.images import read_image, upright_size
from classifier.evaluation.page import sample_name, show_sample
from classifier.evaluation.pictures import (
    as_picture,
    overlay_heat,
    overlay_labels,
    write_picture,
)
from classifier.evaluation.prediction import ImageFile
from classifier.evaluation.sample_reader import SampleReader
from classifier.interpretability.activation_maps import (
    feature_maps,
    layer_named,
    name_of,
    render_filters,
    render_maps,
    render_weights,
)
from classifier.interpretability.embeddings import Embeddings, embed_data
from classifier.interpretability.grad_cam import grad_cam, saliency
from classifier.interpretability.probes import nearest_vectors
from classifier.models.anatomy import last_maps
from classifier.models.inference import seen, whole_logits
from classifier.models.model_file import LoadedClassifier
from faceswap.core.config_errors import nearest
from faceswap.core.errors import ConfigError
from faceswap.core.files import name_key
from faceswap.core.page import Page, Section
from faceswap.core.text import readable_name

_REPORT, _FILTERS, _WEIGHTS = "report.html", "filters.png", "weights.png"
_LONGEST_NAME = 100  # bytes of a part of a file name; file systems allow about 255 in all
_SHOWN = 300  # approximate side of a picture in pixels


@dataclass(frozen=True)
class NeighbourSearch:
    """Search for the training images nearest to an image.

    Attributes:
        training: Embeddings of the training images.
        reader: Reader of the training images, to show them.
        count: Number of images to show.
    """

    training: Embeddings
    reader: SampleReader
    count: int


class Explainer:
    """Explains predictions of single images, on an HTML page and in PNG files.

    Args:
        loaded: Network, on its device.
        side: Height and width that images are resized to; None keeps each image's own size.
        target: Name of the class to explain; None is the predicted class.
        layers: Dotted names of the layers whose feature maps are shown. Empty for the first
            convolution and the last layer with feature maps.
        folder: Output folder.

    Attributes:
        neighbours: Search for similar training images; None for none.

    Raises:
        ConfigError: Unknown class or layer.
    """

    neighbours: NeighbourSearch | None = None

    def __init__(
        self,
        loaded: LoadedClassifier,
        side: tuple[int, int] | None,
        target: str | None,
        layers: Sequence[str],
        folder: Path,
    ) -> None:
        self.loaded, self.side, self.folder = loaded, side, folder
        self.device = next(loaded.module.parameters()).device
        self.target = None if target is None else class_number(target, loaded.classes)
        self.maps_layer = _maps_layer(loaded)
        self.layers = self._layers(layers)
        self.page = Page(f"Explanation of predictions: {loaded.network}")

    @property
    def method(self) -> str:
        """Sentence about the attribution method."""
        if self.maps_layer is not None:
            layer = name_of(self.loaded.module, self.maps_layer)
            return f"Heat maps: Grad-CAM (Selvaraju et al., 2017) on the feature maps of {layer}."
        return (
            "Heat maps: gradient of the class score with respect to the input. This network has no "
            "feature maps, so Grad-CAM is not available."
        )

    def _layers(self, names: Sequence[str]) -> list[tuple[str, nn.Module]]:
        module = self.loaded.module
        if names:
            return [(name, layer_named(module, name)) for name in names]
        convolutions = [layer for layer in module.modules() if isinstance(layer, nn.Conv2d)]
        chosen = [*convolutions[:1], *([self.maps_layer] if self.maps_layer is not None else [])]
        return [(name_of(module, layer), layer) for layer in chosen]

    def outputs(self, stems: Sequence[str]) -> Iterator[str]:
        """Names of the files that may be written.

        Args:
            stems: Name of each image in the output folder, from ``output_stems``.
        """
        yield from (_REPORT, _FILTERS, _WEIGHTS)
        classes = self.loaded.classes
        chosen = classes if self.target is None else [classes[self.target]]
        ends = [_file_name(Path(name)) for name in (*chosen, *(layer for layer, _ in self.layers))]
        yield from (f"{stem}-{end}.png" for stem in stems for end in dict.fromkeys(ends))

    def add_weights(self) -> None:
        """Add the weights of the first layer to the page, and write them, if they are images."""
        form = self.loaded.input
        section = self.page.section("", self.method)
        filters = render_filters(self.loaded.module)
        if filters is not None:
            section.add_picture(filters, "Filters of the first convolution (grey is 0)")
            write_picture(self.folder / _FILTERS, filters)
            return
        weights = render_weights(self.loaded.module, (form.channels, form.size, form.size))
        if weights is not None:
            section.add_picture(weights, "Weights of the first layer as images (grey is 0)")
            write_picture(self.folder / _WEIGHTS, weights)

    def explain(self, file: ImageFile, stem: str) -> str:
        """Add an image to the page.

        Args:
            file: Image file.
            stem: Name of the image in the output folder.

        Returns:
            Sentence with the most probable classes.

        Raises:
            UnreadableImage: The file is not a readable image.
        """
        built = self.loaded.built
        sides = self.side or upright_size(file.path)
        pixels = read_image(file.path, sides, built.input.channels, built.task)
        images = seen(torch.from_numpy(pixels[None]).to(self.device), built)
        logits = self._logits(images)
        shown = self._shown(file, sides)
        summary, target = self._summarise(logits)
        section = self.page.section(str(file.name), summary)
        section.add_picture(shown, "Network input")
        if built.task == "pixels":
            section.add_picture(
                _overlay_predicted(shown, logits[0]), "Predicted class of each pixel"
            )
        name = self.loaded.classes[target]
        heat = self._attribution(images, target)
        overlay = overlay_heat(shown, heat)
        section.add_picture(overlay, f"{self._heat_title(heat)} {name}")
        write_picture(self.folder / f"{stem}-{_file_name(Path(name))}.png", overlay)
        self._add_maps(section, images, stem)
        if self.neighbours is not None:
            self._add_neighbours(pixels, file)
        return summary

    def _add_maps(self, section: Section, images: Tensor, stem: str) -> None:
        maps = feature_maps(self._logits, [layer for _, layer in self.layers], images)
        for (layer, _), output in zip(self.layers, maps, strict=True):
            picture = render_maps(output[0])
            size = f"{output.shape[1]} feature maps of {output.shape[2]} x {output.shape[3]}"
            section.add_picture(picture, f"{layer}: {size}, those with the largest variance")
            write_picture(self.folder / f"{stem}-{_file_name(Path(layer))}.png", picture)

    def _logits(self, images: Tensor) -> Tensor:
        return whole_logits(self.loaded.module, images, self.loaded.built)

    def _heat_title(self, heat: NDArray[np.float32]) -> str:
        if self.maps_layer is None:
            return "Saliency:" if heat.any() else "Saliency is 0 everywhere:"
        return "Evidence for" if heat.any() else "No evidence for"

    def _summarise(self, logits: Tensor) -> tuple[str, int]:
        """Sentence with the most probable classes, and the class to explain."""
        classes = self.loaded.classes
        probabilities = logits[0].float().softmax(0)
        if self.loaded.built.task == "pixels":
            counts = torch.bincount(probabilities.argmax(0).flatten(), minlength=len(classes))
            title, fractions = "Predicted pixels", counts / counts.sum()
        else:
            title, fractions = "Prediction", probabilities
        best = fractions.topk(min(3, len(classes)))
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        listed = ", ".join(f"{classes[label]} {100 * value:.1f} %" for label, value in pairs)
        return f"{title}: {listed}.", int(best.indices[0]) if self.target is None else self.target

    def _attribution(self, images: Tensor, target: int) -> NDArray[np.float32]:
        targets = torch.tensor([target], device=self.device)
        task = self.loaded.built.task
        if self.maps_layer is None:
            return saliency(self._logits, images, targets, task)[0].cpu().numpy()
        return grad_cam(self._logits, self.maps_layer, images, targets, task)[0].cpu().numpy()

    def _shown(self, file: ImageFile, sides: tuple[int, int]) -> NDArray[np.uint8]:
        """Region of the image that is the network's input, at a resolution for display."""
        task, size = self.loaded.built.task, self.loaded.input.size
        window = (size, size) if task == "images" else sides
        scale = max(1, math.ceil(_SHOWN / max(window)))
        large = read_image(file.path, (scale * sides[0], scale * sides[1]), 3, task)
        top, left = (scale * (a - b) // 2 for a, b in zip(sides, window, strict=True))
        return as_picture(large[:, top : top + scale * window[0], left : left + scale * window[1]])

    def _add_neighbours(self, pixels: NDArray[np.uint8], file: ImageFile) -> None:
        assert self.neighbours is not None
        training, reader = self.neighbours.training, self.neighbours.reader
        data = LoadedImages(pixels[None], np.array([-1]), (Sample(file.path, -1),))
        vector = embed_data(self.loaded, data, 1, self.device)
        # One more, since the image itself may be among the training images.
        found = nearest_vectors(vector, training.vectors, self.neighbours.count + 1)
        pairs = zip(found.positions[0], found.similarity[0], strict=True)
        others = [
            (training.samples[position], training.labels[position], similarity)
            for position, similarity in pairs
            if training.samples[position].path.resolve() != file.path.resolve()
        ]
        section = self.page.section("", f"Training images nearest to {file.name}:")
        for sample, label, similarity in others[: self.neighbours.count]:
            name = "" if label < 0 else f"{self.loaded.classes[label]}, "
            caption = f"{name}cosine similarity {similarity:.3f}: {sample_name(sample)}"
            section.add_picture(show_sample(sample, reader, 150), caption)

    def write(self) -> None:
        """Write the page."""
        self.page.write(self.folder / _REPORT)


def _overlay_predicted(image: NDArray[np.uint8], logits: Tensor) -> NDArray[np.uint8]:
    """Overlay an image with the classes predicted by ``(K, h, w)`` logits."""
    labels = logits.argmax(0).cpu().numpy().astype(np.uint8)
    height, width = image.shape[:2]
    large = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST)
    return overlay_labels(image, large.astype(np.uint8), len(logits))


def class_number(name: str, classes: Sequence[str]) -> int:
    """Index of a class.

    Raises:
        ConfigError: Unknown class name.
    """
    if name not in classes:
        raise ConfigError(
            f"The network has no class {name!r}.",
            f"{nearest(name, classes)}Its classes: {', '.join(classes)}.",
        )
    return list(classes).index(name)


def _maps_layer(loaded: LoadedClassifier) -> nn.Module | None:
    try:
        return last_maps(loaded.built)
    except ConfigError:
        return None  # a network without feature maps; see ``method``


def output_stems(files: Sequence[ImageFile]) -> list[str]:
    """Names of images in the output folder, each different from the others."""
    stems: list[str] = []
    taken: set[str] = set()
    for file in files:
        plain = stem = _file_name(file.name)
        number = 1
        while stem.casefold() in taken:
            number += 1
            stem = f"{plain}-{number}"
        taken.add(stem.casefold())
        stems.append(stem)
    return stems


def _file_name(name: Path) -> str:
    """Replace all characters but letters, digits, underscores and dots by dashes; limit length."""
    whole = re.sub(r"[^\w.]+", "-", readable_name(name.as_posix())).strip("-")
    encoded = whole.encode()
    if len(encoded) <= _LONGEST_NAME:
        return whole
    return f"{encoded[:_LONGEST_NAME].decode(errors='ignore')}-{name_key(whole)}"
