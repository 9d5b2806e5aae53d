"""Masker by semantic segmentation, which excludes hair and objects in front of the face.

The network is a segmentation model of ``classifier`` (FC-DenseNet by the recipe ``face_masks``).
Classes of the face are recognised by name.
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
from faceswap.core.weights import weights_folders
from faceswap.geometry.alignment import crop_matrix, warp
from faceswap.geometry.landmarks68 import LEFT_BROW, RIGHT_BROW
from faceswap.maskers.hull import fill_hull
from faceswap.maskers.registry import maskers

_FACE = frozenset({"skin", "nose", "eyes", "mouth", "face", "lips", "teeth", "glasses"})
_HAIR = frozenset({"hair", "brows", "hair and brows"})
# Limits of the mask: skin beyond them is neck, ear or background of a similar colour.
_REACH = 0.03  # beyond the hull, as a fraction of its width
_FOREHEAD = 1.4  # above the brows, as a fraction of the distance from eye to brow
_CLOSED = 0.03  # closed gaps (rims of glasses, nostrils), as a fraction of the crop
_NAME = "face_masks"  # of the recipe, and of the folder with a network for all uses
COVERAGE = 1.6
"""Side of the crops that the network sees, in face squares."""
_FINER = 1.25  # than in training, in which crops are enlarged at random (Touvron et al., 2019)
_MULTIPLE = 32  # the network downsamples five times by 2


class SegmentationMasker:
    """Masks the pixels of face classes near the landmarks.

    Args:
        loaded: Segmentation network, on the device to compute on.

    Raises:
        ConfigError: The network is not a segmentation network, or has no face class.
    """

    needs_mesh = False
    whole_face = True

    def __init__(self, loaded: LoadedClassifier) -> None:
        names = [name.casefold() for name in loaded.classes]
        self._face = [index for index, name in enumerate(names) if name in _FACE]
        self._hair = [index for index, name in enumerate(names) if name in _HAIR]
        if loaded.built.task != "pixels" or not self._face:
            raise ConfigError(
                "Expected a segmentation network with a face class such as skin, found the classes "
                f"{', '.join(loaded.classes)}.",
                "Train one with 'classifier train FOLDER --config face_masks'.",
            )
        self._loaded = loaded
        loaded.module.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self._side = math.ceil(_FINER * loaded.input.size / _MULTIPLE) * _MULTIPLE
        self._device = next(loaded.module.parameters()).device
        self._bf16 = supports_bf16(self._device)
        self.facts: Mapping[str, str] = {"mask_model": loaded.digest}

    def __call__(
        self,
        crops: Sequence[NDArray[np.uint8]],
        landmarks: Sequence[NDArray[np.floating]],
        meshes: Sequence[NDArray[np.floating] | None],  # noqa: ARG002 (of the protocol)
    ) -> list[NDArray[np.uint8]]:
        """Computes one mask per crop, as described in ``Masker``."""
        if not crops:
            return []
        views = [crop_matrix(points, self._side, COVERAGE) for points in landmarks]
        cut = [warp(crop, view, self._side) for crop, view in zip(crops, views, strict=True)]
        size, flags = crops[0].shape[0], cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        face, hair = (
            [
                np.asarray(cv2.warpAffine(one, view, (size, size), flags=flags), np.float32)
                for one, view in zip(seen, views, strict=True)
            ]
            for seen in self._probabilities(np.stack(cut))
        )
        return [
            _combine(of_face, of_hair, points)
            for of_face, of_hair, points in zip(face, hair, landmarks, strict=True)
        ]

    @torch.inference_mode()
    def _probabilities(
        self, crops: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """``(B, S, S)`` probabilities of face, and of hair or brows."""
        batch = torch.from_numpy(crops).to(self._device).permute(0, 3, 1, 2)
        images = normalise(batch, self._loaded.input)
        sides = (self._side, self._side)
        small = F.interpolate(images, sides, mode="bilinear", align_corners=False, antialias=True)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            logits = self._loaded.module(small.contiguous(memory_format=torch.channels_last))
        probabilities = logits.float().softmax(1)
        selected = [
            probabilities[:, indices].sum(1, keepdim=True) for indices in (self._face, self._hair)
        ]
        full = F.interpolate(
            torch.cat(selected, 1), crops.shape[1:3], mode="bilinear", align_corners=False
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
    for brow in (LEFT_BROW, RIGHT_BROW):
        line = np.round(landmarks[brow]).astype(np.int32)
        cv2.polylines(brows, [line], isClosed=False, color=255, thickness=thickness)
    # The training data label brows as hair; hair at the brows belongs to the face.
    probabilities = np.where(brows > 0, face + hair, face)
    radius = max(1, round(_CLOSED * size))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    closed = cv2.morphologyEx(probabilities.astype(np.float32), cv2.MORPH_CLOSE, kernel)
    return np.asarray((closed.clip(0, 1) * near * 255).round(), np.uint8)


@maskers.register
def segmentation(device: str = "cpu", model: Path | None = None) -> SegmentationMasker:
    """Builds the masker ``segmentation``.

    Args:
        device: Device of the network.
        model: Folder of the run or of the exported model; None searches the folder ``face_masks``
            in the places of downloaded weights.

    Raises:
        ConfigError: No network is given or found, or it has no face class.
        ModelFileError: The network cannot be read.
    """
    return SegmentationMasker(load_model(model or _find_model(), device))


def _find_model() -> Path:
    places = [folder / _NAME for folder in weights_folders()]
    found = next((place for place in places if place.is_dir()), None)
    if found is None:
        raise ConfigError(
            "The masker 'segmentation' needs a network, which you train once; none was given with "
            f"--mask-model or found in {', '.join(map(str, places))}.",
            "Train one on photographs with pixel labels, in a checkout (docs/masks.md): "
            "(1) python tools/prepare_face_masks.py FACES_WITH_MASKS -o aligned; "
            f"(2) classifier train aligned --config {_NAME} -o runs/{_NAME}; "
            f"(3) repeat this command with --mask-model runs/{_NAME}, or copy that folder's model/ "
            f"to {places[0]}, where it is found without the option.",
        )
    return found
