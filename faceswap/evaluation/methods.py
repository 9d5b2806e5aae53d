"""Ways to put another face into a frame: models, and the naive answers they must beat."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from faceswap.conversion.compositing import CompositeSettings, face_masks, match_colour, paste
from faceswap.conversion.swapper import Swapper
from faceswap.evaluation.identity import evenly
from faceswap.evaluation.judge import Image, Shot
from faceswap.facesets.faceset import Face, Faceset
from faceswap.geometry.alignment import compose, crop_matrix, invert, transform_points, warp
from faceswap.geometry.landmarks68 import INNER
from faceswap.maskers import build_masker
from faceswap.models.model_file import LoadedModel

UNSWAPPED, NEAREST = "unswapped", "nearest crop"
_COVERAGE = 1.25
_MOST = 2000  # faces to choose from


class Method(Protocol):
    """Draws one frame's face as the target."""

    def __call__(self, shot: Shot) -> Image:
        """A new frame of the same size; the shot's own is left as it is."""
        ...


class Model:
    """A trained model, composited as ``faceswap convert`` does by default.

    Args:
        loaded: The model.
        to: The identity to draw.

    Raises:
        IdentityError: The model does not know ``to``.
    """

    def __init__(self, loaded: LoadedModel, to: str) -> None:
        self._swapper = Swapper(loaded, to, CompositeSettings())

    def __call__(self, shot: Shot) -> Image:
        """The frame with every face that is to be swapped drawn as the target."""
        image = shot.image.copy()
        self._swapper([image], [list(shot.swapped)])
        return image


class Unswapped:
    """The frame as it is: all expression, no identity."""

    def __call__(self, shot: Shot) -> Image:
        """A copy."""
        return shot.image.copy()


class Converted:
    """The frame of a converted file."""

    def __call__(self, shot: Shot) -> Image:
        """The file's own frame."""
        assert shot.output is not None
        return shot.output


class NearestCrop:
    """The target's training face whose landmarks lie nearest, pasted: all identity, no model.

    Faces are compared upright and at one size, so what makes them near is turn, nod and
    expression together. Colours and mask are those of ``faceswap convert``.

    Args:
        faces: The target's faces to choose from.
    """

    def __init__(self, faces: Sequence[tuple[Faceset, Face]]) -> None:
        self._faces = [faces[place] for place in evenly(range(len(faces)), _MOST)]
        self._layouts = np.stack([_layout(face.landmarks) for _, face in self._faces])
        self._settings = CompositeSettings()
        self._masker = build_masker(self._settings.mask)

    def nearest(self, landmarks: NDArray[np.floating]) -> tuple[Faceset, Face]:
        """The face of the target that is nearest to ``(68, 2)`` landmarks."""
        apart = np.linalg.norm(self._layouts - _layout(landmarks), axis=2).mean(1)
        return self._faces[int(np.argmin(apart))]

    def __call__(self, shot: Shot) -> Image:
        """The frame with the nearest crop in place of each face that is to be swapped."""
        image = shot.image.copy()
        for landmarks in shot.swapped:
            self._paste(image, landmarks)
        return image

    def _paste(self, image: Image, landmarks: NDArray[np.floating]) -> None:
        faceset, face = self.nearest(landmarks)
        size = round(faceset.crop_size * _COVERAGE / faceset.crop_coverage)
        cut = compose(crop_matrix(face.landmarks, size, _COVERAGE), invert(face.matrix))
        drawn = _as_batch(warp(faceset.load_crop(face), cut, size))
        matrix = crop_matrix(landmarks, size, _COVERAGE)
        crop = warp(image, matrix, size)
        points = transform_points(matrix, landmarks)
        masks = face_masks([crop], [points], _COVERAGE, self._settings, self._masker)
        matched = match_colour(drawn, _as_batch(crop), masks, self._settings)
        paste(image, matched[0], masks[0], landmarks, _COVERAGE)


def _layout(landmarks: NDArray[np.floating]) -> NDArray[np.floating]:
    """The inner landmarks in the upright square around the face, ``(51, 2)``."""
    return transform_points(crop_matrix(landmarks, 1, 1.0), landmarks)[INNER]


def _as_batch(image: Image) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
