"""The references of an identity: real crops with their meshes, part of the model."""

import io
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from faceswap.core.errors import ModelFileError
from faceswap.core.image_header import BROKEN_IMAGE
from faceswap.geometry.mesh_shape import FACE_POINTS, POINTS, with_irises

MASK_SIDE = 64
"""Side of the stored masks in pixels."""
MOST_BYTES = 1 << 31
"""Largest size in memory of the references of one identity, decoded at one side."""
MOST_REFERENCES = 1024
"""Largest number of references of one identity."""
LARGEST_COORDINATE = 10.0
"""Bound of all coordinates of a face: several times what those of a real one reach."""
_SMALLEST_FACE = 0.1  # face squares
_LARGEST_SIDE = 2048
_QUALITY = 95
_HINT = "Train the model again, or copy the whole folder again."


class ReferenceSet(NamedTuple):
    """References of one identity, as they are chosen.

    Attributes:
        crops: Crops at the coverage of the model, ``(R, D, D, 3) uint8 RGB``.
        masks: Face masks, ``(R, MASK_SIDE, MASK_SIDE) uint8``, 255 = face.
        meshes: Meshes in normalised coordinates of the crops, ``(R, 478, 2) float32``.
        expression: Displacement of the meshes from the neutral one, ``(R, 478, 3) float32`` in face
            squares.
        rotation: Rotation of the head, ``(R, 3, 3) float32``.
        neutral: The identity's neutral mesh, ``(478, 3) float32`` in face squares.
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

    Attributes:
        constant: Training does not change them.
    """

    constant = True
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

    @torch.inference_mode(mode=False)  # they are kept, and training cannot use inference tensors
    def images(self, side: int) -> Tensor:
        """Crops and masks at a size, ``(R, 4, side, side) uint8``: RGB and mask.

        Args:
            side: Side in pixels; at most that of the stored crops is sensible.

        Raises:
            ModelFileError: A stored crop is damaged, or they do not fit into ``MOST_BYTES``.
        """
        if len(self) * 4 * side**2 > MOST_BYTES:
            raise ModelFileError(f"{len(self)} references of {side} pixels are too many.", _HINT)
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

    def _decode(self) -> Iterator[NDArray[np.uint8]]:
        data, begin = self.jpeg.cpu().numpy(), 0
        for end in self.ends.tolist():
            yield _decode(data[begin:end])
            begin = end

    def _set(self, name: str, value: Tensor) -> None:
        current = getattr(self, name)
        setattr(self, name, value.to(current.device, current.dtype))
        self._decoded.clear()

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Tensor],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        for name in ("meshes", "expression", "neutral"):
            _complete(state_dict, prefix + name)
        stored = {
            name: value
            for name, buffer in self.named_buffers()
            if (value := state_dict.get(prefix + name)) is not None and value.dtype == buffer.dtype
        }
        if len(stored) == len(self._buffers) and _fit_together(stored):
            for name, value in stored.items():
                self._set(name, value)
        else:
            error_msgs.append(f"The references in {prefix[:-1]!r} are damaged.")
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


def _complete(state_dict: dict[str, Tensor], name: str) -> None:
    """Adds the irises, which earlier versions did not have, to a tensor of mesh points."""
    value = state_dict.get(name)
    if value is not None and value.ndim > 1 and value.shape[-2] == FACE_POINTS:
        completed = with_irises(value.cpu().numpy())
        state_dict[name] = torch.from_numpy(completed).to(value.device)


def _fit_together(stored: Mapping[str, Tensor]) -> bool:
    """Whether tensors of the right types are references: up to the largest number, all of one."""
    count = stored["ends"].numel()
    shapes = {
        "ends": (count,),
        "masks": (count, MASK_SIDE, MASK_SIDE),
        "meshes": (count, POINTS, 2),
        "expression": (count, POINTS, 3),
        "rotation": (count, 3, 3),
        "neutral": (POINTS, 3),
    }
    return (
        0 < count <= MOST_REFERENCES
        and stored["jpeg"].ndim == 1
        and all(stored[name].shape == shape for name, shape in shapes.items())
        and bool((stored["ends"].diff(prepend=stored["ends"].new_zeros(1)) > 0).all())
        and int(stored["ends"][-1]) == len(stored["jpeg"])
        and all(
            bool((stored[name].abs() < LARGEST_COORDINATE).all())  # not so for NaN
            for name in ("meshes", "expression", "rotation", "neutral")
        )
        and is_face(stored["neutral"].cpu().numpy())
    )


def is_face(neutral: NDArray[np.floating]) -> bool:
    """Whether a neutral mesh, ``(478, 3)`` in face squares, is as wide and high as a face."""
    return bool((np.ptp(neutral, 0)[:2] > _SMALLEST_FACE).all())


def _decode(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    crop = None
    try:
        # The size comes first: a few bytes may claim any.
        with Image.open(io.BytesIO(data.tobytes()), formats=("JPEG",)) as header:
            width, height = header.size
        if width == height <= _LARGEST_SIDE:
            crop = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    except (*BROKEN_IMAGE, cv2.error):
        pass
    if crop is None or crop.shape[0] != crop.shape[1]:
        raise ModelFileError("A reference crop in the model is damaged.", _HINT)
    return np.asarray(crop, np.uint8)


def _encode(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return cv2.imencode(".jpg", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), options)[1].ravel()
