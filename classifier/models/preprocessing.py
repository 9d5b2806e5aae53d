"""Preprocessing of images for an exported network, in words and as data for other programs."""

from dataclasses import dataclass
from typing import Any

from classifier.models.formats import InputFormat
from classifier.models.network import Task


@dataclass(frozen=True)
class Preprocessing:
    """Steps from an image file to the input of an exported network.

    Attributes:
        task: "images" (one class per image) or "pixels" (one class per pixel).
        form: Input format of the network.
        stored: Height and width in pixels that images are resized to; None for their own size.
        sides: Height and width of the network's input in pixels.
    """

    task: Task
    form: InputFormat
    stored: tuple[int, int] | None
    sides: tuple[int, int]

    def describe(self) -> str:
        """The geometric steps in words."""
        height, width = self.sides
        if self.task == "pixels":
            scaled = "as it is" if self.stored is None else "scaled to {} x {}".format(*self.stored)
            return f"the whole image, {scaled}, continued at its edges to {height} x {width}"
        assert self.stored is not None, "images with one class each are resized"
        cut = "" if self.stored == self.sides else f"; of that the middle {height} x {width}"
        return "the middle square, scaled to {} x {}".format(*self.stored) + cut

    def record(self) -> dict[str, Any]:
        """All steps in their order, as JSON values; a step that is not needed is null."""
        whole = self.task == "pixels"
        grey = "grey, 0.299 R + 0.587 G + 0.114 B"
        return {
            "orientation": "upright, by EXIF",
            "colour_order": "RGB" if self.form.channels == 3 else grey,
            "transparency": "composited onto white",
            "aspect_ratio": "stretch" if whole else "centre crop to the aspect ratio of resize",
            "resize": _size(self.stored),
            "interpolation": "lanczos",
            "centre_crop": None if whole or self.stored == self.sides else _size(self.sides),
            "pad": {**_size(self.sides), "edge": "repeat", "at": "right and bottom"}
            if whole
            else None,
            "value_range": [0.0, 1.0],
            "mean": list(self.form.mean),
            "std": list(self.form.std),
            "normalisation": "inside the network: (value - mean) / std",
            "layout": "NCHW float32",
        }


def _size(sides: tuple[int, int] | None) -> Any:
    return None if sides is None else {"height": sides[0], "width": sides[1]}
