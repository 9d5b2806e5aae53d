"""Composites swapped faces into frames, on the device of the faces.

The region under the faces of a frame is read once, all of them are blended there, and the
difference is added to the picture once. Only the pixels under the masks are touched.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap.conversion.detail.chain import DetailChain, FaceInFrame
from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.conversion.swap.blending import Blend, alpha
from faceswap.conversion.swap.sampling import Box, sample_box
from faceswap.geometry.alignment import invert, matrix_scale, transform_points
from faceswap.media.picture import Picture
from faceswap.models.inference import resize

_REDUCED = 1.5  # size of a face over that in the frame from which it is reduced first


@dataclass(frozen=True)
class SwappedFace:
    """A swapped face that is ready to be blended.

    Attributes:
        face: The face that it replaces.
        matrix: Matrix from pixels of the frame as it is stored to normalised coordinates of the
            image and of the mask, ``(2, 3)``.
        image: Swapped face, ``(3, S, S) float32 RGB`` in [0, 1].
        mask: Soft mask with the opacity of the face, ``(1, M, M) float32`` in [0, 1].
        place: The face in its frame; None where its detail stays as it is.
    """

    face: SourceFace
    matrix: NDArray[np.floating]
    image: Tensor
    mask: Tensor
    place: FaceInFrame | None = None


def composite(
    picture: Picture,
    faces: Sequence[SwappedFace],
    blend: Blend = alpha,
    detail: DetailChain | None = None,
) -> None:
    """Blends swapped faces into a picture.

    Args:
        picture: The picture; changed in place.
        faces: Faces of the picture. Larger ones are nearer, and cover smaller ones.
        blend: Blend of each face with what lies under it.
        detail: Detail of the faces in the frame; None leaves them as they are.
    """
    boxes = face_boxes(faces, (picture.height, picture.width))
    placed = [(face, box) for face, box in zip(faces, boxes, strict=True) if box is not None]
    if not placed:
        return
    left, top, right, bottom = np.array([box for _, box in placed]).T
    x, y = int(left.min()), int(top.min())
    region = picture.read(x, y, int(right.max()), int(bottom.max()))
    device = placed[0][0].image.device
    under = torch.from_numpy(region).to(device).permute(2, 0, 1)[None].contiguous()
    canvas = under.clone()
    for face, box in sorted(placed, key=lambda pair: -matrix_scale(pair[0].matrix)):
        x0, y0, x1, y1 = box
        part = canvas[:, :, y0 - y : y1 - y, x0 - x : x1 - x]
        image, mask = warp_face(face, box)
        if detail is not None and face.place is not None:
            image = detail(image, part, mask, face.place)
        part[:] = blend(part, image, mask)
    difference = (canvas - under)[0].cpu().numpy()
    picture.add(x, y, np.asarray(cv2.merge(list(difference)), np.float32))


def warp_face(face: SwappedFace, box: Box) -> tuple[Tensor, Tensor]:
    """Warps a face into a box of the frame.

    Args:
        face: The face.
        box: The box.

    Returns:
        Image ``(1, 3, h, w)`` and mask ``(1, 1, h, w)``, ``float32`` in [0, 1].
    """
    across = 2 / matrix_scale(face.matrix)
    # Interpolation reads the nearest pixels only, so a much larger face would flicker. Reduced to
    # the limit and no further, it keeps its detail, and does not jump when it reaches the limit.
    side = min(face.image.shape[-1], max(1, round(_REDUCED * across)))
    image = resize(face.image[None], side)[0]
    warped = sample_box(image, face.matrix, box, "bicubic").clamp_(0, 1)
    return warped, sample_box(face.mask, face.matrix, box, "bilinear")


def face_boxes(faces: Sequence[SwappedFace], size: tuple[int, int]) -> list[Box | None]:
    """Bounding boxes of masks in their frame.

    Args:
        faces: Faces of one frame, on one device.
        size: Height and width of the frame.

    Returns:
        ``(x0, y0, x1, y1)`` of each face; None where its mask is empty or outside of the frame.
    """
    if not faces:
        return []
    # The device is waited for once, not for each face.
    masks = [face.mask[0] for face in faces]
    across = torch.cat([(mask > 0).any(axis) for mask in masks for axis in (1, 0)]).cpu()
    profiles = iter(across.split([side for mask in masks for side in mask.shape]))
    return [_face_box(face, next(profiles).numpy(), next(profiles).numpy(), size) for face in faces]


def _face_box(
    face: SwappedFace, rows: NDArray[np.bool_], columns: NDArray[np.bool_], size: tuple[int, int]
) -> Box | None:
    """Box of a mask that is not 0 in given rows and columns."""
    side = face.mask.shape[-1]
    if not rows.any():
        return None
    # One more mask pixel on each side, for bilinear sampling.
    (y0, y1), (x0, x1) = (np.flatnonzero(each)[[0, -1]] + [-1, 2] for each in (rows, columns))
    corners = np.array([[x0, y0], [x1, y0], [x0, y1], [x1, y1]]) * 2 / side - 1
    in_frame = transform_points(invert(face.matrix), corners)
    left, top = np.floor(in_frame.min(0)).astype(int).clip(0)
    right, bottom = np.ceil(in_frame.max(0)).astype(int) + 1
    right, bottom = min(right, size[1]), min(bottom, size[0])
    return (left, top, right, bottom) if left < right and top < bottom else None
