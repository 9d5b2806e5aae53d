"""A network that gives each pixel a class: it knows hair and background before the face.

The network is one of ``classifier`` for pixels (FC-DenseNet by the recipe ``face_masks``). Its
classes say what is face, by name.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from classifier.models.formats import normalise
from classifier.models.model_file import LoadedClassifier, load_model
from faceswap.core.device import supports_bf16
from faceswap.core.errors import ConfigError
from faceswap.geometry.landmarks68 import LEFT_BROW, RIGHT_BROW
from faceswap.maskers.hull import fill_hull
from faceswap.maskers.registry import maskers

_FACE = frozenset({"skin", "nose", "eyes", "mouth", "face", "lips", "teeth", "glasses"})
_BROWS_TOO = frozenset({"hair", "brows", "hair and brows"})
# How far skin may still be face: beyond that it is neck, ear, or a wall of that colour.
_REACH = 0.03  # beyond the hull, over its width
_FOREHEAD = 1.4  # above the brows, over the distance from eye to brow; the network knows the hair
_CLOSED = 0.03  # of the crop: gaps up to this (rims of glasses, nostrils) are face too
_MULTIPLE = 32  # the network halves its maps five times


class SegmentationMasker:
    """Face is what the network calls so, near the landmarks.

    Args:
        loaded: A network for pixels, on its device.

    Raises:
        ConfigError: None of its classes is part of a face.
    """

    def __init__(self, loaded: LoadedClassifier) -> None:
        names = [name.casefold() for name in loaded.classes]
        self._face = [place for place, name in enumerate(names) if name in _FACE]
        self._hair = [place for place, name in enumerate(names) if name in _BROWS_TOO]
        if loaded.built.task != "pixels" or not self._face:
            raise ConfigError(
                "The masker 'segmentation' needs a network that gives pixels a class, skin among "
                f"them; this one tells {', '.join(loaded.classes)}.",
                "Train one with 'classifier train FOLDER --config face_masks'.",
            )
        self._loaded = loaded
        loaded.module.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self._side = math.ceil(loaded.input.size / _MULTIPLE) * _MULTIPLE
        self._device = next(loaded.module.parameters()).device
        self._bf16 = supports_bf16(self._device)
        self.facts: Mapping[str, str] = {"mask_model": loaded.digest}

    def __call__(
        self, crops: Sequence[NDArray[np.uint8]], landmarks: Sequence[NDArray[np.floating]]
    ) -> list[NDArray[np.uint8]]:
        """See ``Masker``."""
        if not crops:
            return []
        face, hair = self._shares(np.stack(crops))
        return [
            _combine(of_face, of_hair, points)
            for of_face, of_hair, points in zip(face, hair, landmarks, strict=True)
        ]

    @torch.inference_mode()
    def _shares(self, crops: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """``(B, S, S)`` probabilities of face, and of hair or brows."""
        batch = torch.from_numpy(crops).to(self._device).permute(0, 3, 1, 2)
        images = normalise(batch, self._loaded.input)
        sides = (self._side, self._side)
        small = F.interpolate(images, sides, mode="bilinear", align_corners=False, antialias=True)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            logits = self._loaded.module(small.contiguous(memory_format=torch.channels_last))
        shares = logits.float().softmax(1)
        picked = [shares[:, places].sum(1, keepdim=True) for places in (self._face, self._hair)]
        full = F.interpolate(
            torch.cat(picked, 1), crops.shape[1:3], mode="bilinear", align_corners=False
        )
        both = full.cpu().numpy()
        return both[:, 0], both[:, 1]


def _combine(
    face: NDArray[np.float32], hair: NDArray[np.float32], landmarks: NDArray[np.floating]
) -> NDArray[np.uint8]:
    size = face.shape[0]
    width = float(np.ptp(landmarks[:, 0]))
    near = fill_hull(size, landmarks, _REACH * width, _FOREHEAD).astype(np.float32) / 255
    brows = np.zeros((size, size), np.uint8)
    thickness = max(1, round(0.08 * width))
    for part in (LEFT_BROW, RIGHT_BROW):
        line = np.round(landmarks[part]).astype(np.int32)
        cv2.polylines(brows, [line], isClosed=False, color=255, thickness=thickness)
    # The data this is learned from call brows hair; those in a brow's place belong to the face.
    shares = np.where(brows > 0, face + hair, face)
    radius = max(1, round(_CLOSED * size))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    closed = cv2.morphologyEx(shares.astype(np.float32), cv2.MORPH_CLOSE, kernel)
    return np.asarray((closed.clip(0, 1) * near * 255).round(), np.uint8)


@maskers.register
def segmentation(device: str = "cpu", model: Path | None = None) -> SegmentationMasker:
    """A trained network for pixels.

    Args:
        device: Where it computes.
        model: Folder of its run, or of the exported model.

    Raises:
        ConfigError: No network was given, or one that knows no faces.
        ModelFileError: It cannot be read.
    """
    if model is None:
        raise ConfigError(
            "The masker 'segmentation' needs a network.",
            "Give its folder with --mask-model; docs/masks.md says how to train one.",
        )
    return SegmentationMasker(load_model(model, device))
