"""The references of an identity: real crops with their meshes, part of the model."""

from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from faceswap.core.errors import ModelFileError
from faceswap.geometry.mesh_shape import POINTS

MASK_SIDE = 64
"""Side of the stored masks in pixels."""
_QUALITY = 95
_HINT = "Train the model again, or copy the whole folder again."


class ReferenceSet(NamedTuple):
    """References of one identity, as they are chosen.

    Attributes:
        crops: Crops at the coverage of the model, ``(R, D, D, 3) uint8 RGB``.
        masks: Face masks, ``(R, MASK_SIDE, MASK_SIDE) uint8``, 255 = face.
        meshes: Meshes in normalised coordinates of the crops, ``(R, 468, 2) float32``.
        expression: Displacement of the meshes from the neutral one, ``(R, 468, 3) float32`` in face
            squares.
        rotation: Rotation of the head, ``(R, 3, 3) float32``.
        neutral: The identity's neutral mesh, ``(468, 3) float32`` in face squares.
    """

    crops: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    meshes: NDArray[np.float32]
    expression: NDArray[np.float32]
    rotation: NDArray[np.float32]
    neutral: NDArray[np.float32]


class References(nn.Module):
    """Holds the references of one identity; saved with the weights, and not trained.

    Crops are kept as JPEG files of highest chroma resolution: a tenth of their size. They are
    decoded on first use.
    """

    jpeg: Tensor
    ends: Tensor
    masks: Tensor
    meshes: Tensor
    expression: Tensor
    rotation: Tensor
    neutral: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("jpeg", torch.zeros(0, dtype=torch.uint8))
        self.register_buffer("ends", torch.zeros(0, dtype=torch.int64))
        self.register_buffer("masks", torch.zeros(0, MASK_SIDE, MASK_SIDE, dtype=torch.uint8))
        self.register_buffer("meshes", torch.zeros(0, POINTS, 2))
        self.register_buffer("expression", torch.zeros(0, POINTS, 3))
        self.register_buffer("rotation", torch.zeros(0, 3, 3))
        self.register_buffer("neutral", torch.zeros(POINTS, 3))
        self._decoded: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return len(self.ends)

    def fill(self, chosen: ReferenceSet) -> None:
        """Replaces the references."""
        files = [_encode(crop) for crop in chosen.crops]
        self._set("jpeg", torch.from_numpy(np.concatenate(files)))
        self._set("ends", torch.tensor([len(file) for file in files]).cumsum(0))
        for name, value in chosen._asdict().items():
            if name != "crops":
                self._set(name, torch.from_numpy(np.ascontiguousarray(value)))

    def images(self, side: int) -> Tensor:
        """Crops and masks at a size, ``(R, 4, side, side) uint8``: RGB and mask.

        Args:
            side: Side in pixels; at most that of the stored crops is sensible.

        Raises:
            ModelFileError: A stored crop is damaged.
        """
        device = self.meshes.device
        if side not in self._decoded or self._decoded[side].device != device:
            masks = self.masks.cpu().numpy()
            layers = [
                np.dstack(
                    [
                        cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA),
                        cv2.resize(mask, (side, side), interpolation=cv2.INTER_LINEAR),
                    ]
                )
                for crop, mask in zip(self._decode(), masks, strict=True)
            ]
            stacked = torch.from_numpy(np.stack(layers)).permute(0, 3, 1, 2)
            self._decoded[side] = stacked.contiguous().to(device)
        return self._decoded[side]

    @property
    def side(self) -> int:
        """Side of the stored crops in pixels.

        Raises:
            ModelFileError: The first crop is damaged.
        """
        return len(next(self._decode()))

    def _decode(self) -> Any:
        data, begin = self.jpeg.cpu().numpy(), 0
        for end in self.ends.tolist():
            crop = None
            if 0 <= begin < end <= len(data):
                crop = cv2.imdecode(data[begin:end], cv2.IMREAD_COLOR_RGB)
            if crop is None or crop.shape[0] != crop.shape[1]:
                raise ModelFileError("A reference crop in the model is damaged.", _HINT)
            yield crop
            begin = end

    def _set(self, name: str, value: Tensor) -> None:
        current = getattr(self, name)
        if current.shape == value.shape:
            current.copy_(value)  # a moving average refers to the tensor
        else:
            setattr(self, name, value.to(current.device, current.dtype))
        self._decoded.clear()

    def _load_from_state_dict(
        self, state_dict: dict[str, Tensor], prefix: str, *arguments: Any
    ) -> None:
        for name in self._buffers:
            if (value := state_dict.get(prefix + name)) is not None:
                self._set(name, value)
        super()._load_from_state_dict(state_dict, prefix, *arguments)


def _encode(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return cv2.imencode(".jpg", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), options)[1].ravel()
