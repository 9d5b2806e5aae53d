"""Why a network says what it says: heat maps, filters, maps of features, and images alike."""

import math
import re
from collections.abc import Sequence
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
from faceswap.core.page import Page

_SHOWN = 300  # pixels of a picture's side, about


@dataclass(frozen=True)
class Neighbours:
    """Images to look for similar ones in.

    Attributes:
        known: Their vectors.
        reader: Reads them again to be shown.
        count: How many to show.
    """

    known: Embeddings
    reader: SampleReader
    count: int


class Explainer:
    """Explains images one by one, on a page and as PNG files.

    Args:
        loaded: The network, on its device.
        side: Height and width that images are scaled to; None takes each at its own size.
        target: Class to explain; None is the one that is predicted.
        layers: Dotted names of layers whose maps are shown; none takes the first convolution and
            the last maps.
        folder: Where pictures go.
        neighbours: Where to look for similar images; None does not.

    Raises:
        ConfigError: There is no such class or layer.
    """

    def __init__(
        self,
        loaded: LoadedClassifier,
        side: tuple[int, int] | None,
        target: str | None,
        layers: Sequence[str],
        folder: Path,
        neighbours: Neighbours | None = None,
    ) -> None:
        self.loaded, self.side, self.folder, self.neighbours = loaded, side, folder, neighbours
        self.device = next(loaded.module.parameters()).device
        self.target = None if target is None else class_number(target, loaded.classes)
        self.maps_layer = _maps_layer(loaded)
        self.layers = self._layers(layers)
        self.page = Page(f"Why {loaded.network} says so")
        self._about_network()

    @property
    def remark(self) -> str:
        """Says how the heat maps are made."""
        if self.maps_layer is not None:
            layer = name_of(self.loaded.module, self.maps_layer)
            return f"Heat maps are Grad-CAM (Selvaraju et al., 2017) on the maps of {layer}."
        return (
            "This network makes no maps of features, so there is no Grad-CAM: heat maps show how "
            "much each pixel moves the class's score (the gradient of the input)."
        )

    def _layers(self, names: Sequence[str]) -> list[tuple[str, nn.Module]]:
        module = self.loaded.module
        if names:
            return [(name, layer_named(module, name)) for name in names]
        convolutions = [part for part in module.modules() if isinstance(part, nn.Conv2d)]
        chosen = [*convolutions[:1], *([self.maps_layer] if self.maps_layer is not None else [])]
        return [(name_of(module, layer), layer) for layer in chosen]

    def _about_network(self) -> None:
        form = self.loaded.input
        section = self.page.section("", self.remark)
        filters = render_filters(self.loaded.module)
        if filters is not None:
            section.add_picture(filters, "Filters of the first convolution; grey is 0")
            write_picture(self.folder / "filters.png", filters)
            return
        weights = render_weights(self.loaded.module, (form.channels, form.size, form.size))
        if weights is not None:
            section.add_picture(weights, "Weights of the first layer as images; grey is 0")
            write_picture(self.folder / "weights.png", weights)

    def explain(self, file: ImageFile) -> str:
        """Adds an image to the page.

        Returns:
            What the network says of it, in a few words.

        Raises:
            UnreadableImage: The file is no image.
        """
        built = self.loaded.built
        sides = self.side or upright_size(file.path)
        pixels = read_image(file.path, sides, built.input.channels, built.task)
        images = seen(torch.from_numpy(pixels[None]).to(self.device), built)
        logits = self._logits(images)
        shown = self._shown(file, sides)
        said, target = self._verdict(logits)
        section = self.page.section(str(file.name), said)
        section.add_picture(shown, "What the network sees")
        if built.task == "pixels":
            section.add_picture(_coloured(shown, logits[0]), "The class of each pixel")
        name = self.loaded.classes[target]
        heat = self._heat(images, target)
        heated = overlay_heat(shown, heat)
        does = "speaks for" if self.maps_layer is not None else "moves the score of"
        what = "What" if heat.any() else "Nothing in the image"
        section.add_picture(heated, f"{what} {does} {name}")
        stem = _file_name(file.name)
        write_picture(self.folder / f"{stem}-{_file_name(Path(name))}.png", heated)
        maps = feature_maps(self._logits, [layer for _, layer in self.layers], images)
        for (layer, _), output in zip(self.layers, maps, strict=True):
            picture = render_maps(output[0])
            size = f"{output.shape[1]} maps of {output.shape[2]} x {output.shape[3]}"
            section.add_picture(picture, f"{layer}: {size}, those that vary most")
            write_picture(self.folder / f"{stem}-{_file_name(Path(layer))}.png", picture)
        if self.neighbours is not None:
            self._similar(pixels, file)
        return said

    def _logits(self, images: Tensor) -> Tensor:
        return whole_logits(self.loaded.module, images, self.loaded.built)

    def _verdict(self, logits: Tensor) -> tuple[str, int]:
        """What is said of the image, and which class is explained."""
        classes = self.loaded.classes
        probabilities = logits[0].float().softmax(0)
        if self.loaded.built.task == "pixels":
            counts = torch.bincount(probabilities.argmax(0).flatten(), minlength=len(classes))
            shares = counts / counts.sum()
            said, kind = "Shares of the pixels", shares
        else:
            said, kind = "The network says", probabilities
        best = kind.topk(min(3, len(classes)))
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        listed = ", ".join(f"{classes[label]} {100 * value:.1f} %" for label, value in pairs)
        return f"{said}: {listed}.", int(best.indices[0]) if self.target is None else self.target

    def _heat(self, images: Tensor, target: int) -> NDArray[np.float32]:
        targets = torch.tensor([target], device=self.device)
        task = self.loaded.built.task
        if self.maps_layer is None:
            return saliency(self._logits, images, targets, task)[0].cpu().numpy()
        return grad_cam(self._logits, self.maps_layer, images, targets, task)[0].cpu().numpy()

    def _shown(self, file: ImageFile, sides: tuple[int, int]) -> NDArray[np.uint8]:
        """The part of the image that the network sees, large enough for a person."""
        task, size = self.loaded.built.task, self.loaded.input.size
        window = (size, size) if task == "images" else sides
        times = max(1, math.ceil(_SHOWN / max(window)))
        large = read_image(file.path, (times * sides[0], times * sides[1]), 3, task)
        top, left = (times * (a - b) // 2 for a, b in zip(sides, window, strict=True))
        return as_picture(large[:, top : top + times * window[0], left : left + times * window[1]])

    def _similar(self, pixels: NDArray[np.uint8], file: ImageFile) -> None:
        assert self.neighbours is not None
        known, reader = self.neighbours.known, self.neighbours.reader
        data = LoadedImages(pixels[None], np.array([-1]), (Sample(file.path, -1),))
        vector = embed_data(self.loaded, data, 1, self.device)
        # One more, since the image may be one of them.
        found = nearest_vectors(vector, known.vectors, self.neighbours.count + 1)
        pairs = zip(found.positions[0], found.similarity[0], strict=True)
        others = [
            (known.samples[position], known.labels[position], similarity)
            for position, similarity in pairs
            if known.samples[position].path.resolve() != file.path.resolve()
        ]
        section = self.page.section("", f"Training images nearest to {file.name}:")
        for sample, label, similarity in others[: self.neighbours.count]:
            kind = "" if label < 0 else f"{self.loaded.classes[label]}, "
            caption = f"{kind}cosine {similarity:.3f}: {sample_name(sample)}"
            section.add_picture(show_sample(sample, reader, 150), caption)

    def write(self) -> None:
        """Writes the page."""
        self.page.write(self.folder / "report.html")


def _coloured(image: NDArray[np.uint8], logits: Tensor) -> NDArray[np.uint8]:
    """An image under the colours of its pixels' classes, ``(K, h, w)``."""
    labels = logits.argmax(0).cpu().numpy().astype(np.uint8)
    height, width = image.shape[:2]
    large = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST)
    return overlay_labels(image, large.astype(np.uint8), len(logits))


def class_number(name: str, classes: Sequence[str]) -> int:
    """The position of a class.

    Raises:
        ConfigError: There is none of that name.
    """
    if name not in classes:
        raise ConfigError(
            f"The network knows no class {name!r}.",
            f"{nearest(name, classes)}It knows: {', '.join(classes)}.",
        )
    return list(classes).index(name)


def _maps_layer(loaded: LoadedClassifier) -> nn.Module | None:
    try:
        return last_maps(loaded.built)
    except ConfigError:
        return None  # said by ``remark``


def _file_name(name: Path) -> str:
    """Letters, digits and dots of any script; what a file system may not like becomes a dash."""
    return re.sub(r"[^\w.]+", "-", name.as_posix()).strip("-")
