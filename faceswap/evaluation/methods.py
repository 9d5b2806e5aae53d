"""Swap methods under evaluation: trained models, converted files and baselines."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from faceswap.conversion.faces.source_faces import SourceFace, batch_guides
from faceswap.conversion.masks.face_masks import FacesToMask, build_face_masks
from faceswap.conversion.swap.compositing import SwappedFace, composite
from faceswap.conversion.swap.parts import SwapParts
from faceswap.conversion.swap.swapper import Swapper
from faceswap.evaluation.footage import clip_names
from faceswap.evaluation.frame_scoring import Image, Sample
from faceswap.evaluation.guided_faces import guide_faces
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.alignment import (
    compose,
    crop_matrix,
    invert,
    normalised_matrix,
    transform_points,
    warp,
)
from faceswap.geometry.landmarks68 import INNER
from faceswap.media.frame import Frame
from faceswap.media.picture import RgbPicture
from faceswap.models.guides import Guides
from faceswap.models.model_file import LoadedModel
from faceswap.people.embeddings import evenly_spaced

UNSWAPPED, NEAREST = "unswapped", "nearest crop"
_COVERAGE = 1.25
_MAX_FACES = 2000  # candidates of the nearest-crop baseline


class Method(Protocol):
    """Produces the output frame of a sample."""

    def __call__(self, sample: Sample) -> Image:
        """The output frame, ``(H, W, 3) uint8 RGB``; the sample is not modified."""
        ...


class Model:
    """A trained model with the default compositing of ``faceswap convert``.

    Args:
        loaded: Trained model.
        to: Target identity.
        source: Identity of the model that the samples show.
        faces: Faces of all samples, in order.
        guides: Guides of the faces; None plans them as conversion does, if the model is guided.

    Raises:
        IdentityError: The model has no identity ``to``.
        FacesetError: The model is guided, and the faceset of a face has no meshes.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        to: str,
        source: str,
        faces: Sequence[tuple[Faceset, Face]],
        guides: Guides | None = None,
    ) -> None:
        self.loaded = loaded
        self._swapper = Swapper(loaded, to=to)
        self._guides: dict[tuple[str, int], Guides | None] = {}
        if self._swapper.guided:
            if guides is None:
                guides = batch_guides(guide_faces(faces, self._swapper.guidance(to), source))
            clips = clip_names(faces)
            for number, (faceset, face) in enumerate(faces):
                self._guides[clips[faceset.path], face.frame] = guides.of(number)

    def __call__(self, sample: Sample) -> Image:
        """The frame with every face of ``sample.swapped`` swapped to the target."""
        image = sample.image.copy()
        # Guides are in coordinates of the crop, so they hold for frames and for stored crops.
        guides = self._guides.get((sample.clip, sample.index))
        faces = [SourceFace(landmarks, guides=guides) for landmarks in sample.swapped]
        frame = Frame(sample.index, 0, 0.0, image)
        (swapped,) = self._swapper([(frame, faces)], video=False)
        return swapped.frame.image


class Unswapped:
    """Baseline: the source frame. Perfect expression, wrong identity."""

    def __call__(self, sample: Sample) -> Image:
        """A copy of the source frame."""
        return sample.image.copy()


class Converted:
    """A converted file."""

    def __call__(self, sample: Sample) -> Image:
        """The frame of the converted file."""
        assert sample.output is not None
        return sample.output


class NearestCrop:
    """Baseline: paste the training face of the target with the nearest landmarks.

    Landmarks are aligned before they are compared, so the distance covers pose and expression.
    Mask and colour transfer are the defaults of ``faceswap convert``.

    Args:
        faces: Training faces of the target identity.
    """

    def __init__(self, faces: Sequence[tuple[Faceset, Face]]) -> None:
        self._faces = [faces[position] for position in evenly_spaced(range(len(faces)), _MAX_FACES)]
        self._aligned = np.stack([_aligned_landmarks(face.landmarks) for _, face in self._faces])
        self._parts = SwapParts(build_face_masks("hull", _COVERAGE))

    def nearest(self, landmarks: NDArray[np.floating]) -> tuple[Faceset, Face]:
        """The target face with the smallest mean distance to ``(68, 2)`` landmarks."""
        distances = np.linalg.norm(self._aligned - _aligned_landmarks(landmarks), axis=2).mean(1)
        return self._faces[int(np.argmin(distances))]

    def __call__(self, sample: Sample) -> Image:
        """The frame with the nearest crop pasted over each face of ``sample.swapped``."""
        image = sample.image.copy()
        for landmarks in sample.swapped:
            self._paste(image, landmarks)
        return image

    def _paste(self, image: Image, landmarks: NDArray[np.floating]) -> None:
        faceset, face = self.nearest(landmarks)
        size = round(faceset.crop_size * _COVERAGE / faceset.crop_coverage)
        cut = compose(crop_matrix(face.landmarks, size, _COVERAGE), invert(face.matrix))
        pasted = _as_batch(warp(faceset.load_crop(face), cut, size))
        matrix = crop_matrix(landmarks, size, _COVERAGE)
        crop = warp(image, matrix, size)
        points = transform_points(matrix, landmarks)
        masks = self._parts.masks(FacesToMask([crop], [points], [None]))
        colour = self._parts.colour
        measured = colour.measure(pasted, _as_batch(crop), masks, masks, _COVERAGE)
        matched = colour.apply(pasted, measured)[0]
        normalised = normalised_matrix(landmarks, _COVERAGE)
        swapped = SwappedFace(SourceFace(landmarks), normalised, matched, masks[0])
        composite(RgbPicture(image), [swapped], self._parts.blend)


def _aligned_landmarks(landmarks: NDArray[np.floating]) -> NDArray[np.floating]:
    """Inner landmarks in the aligned unit square of the face, ``(51, 2)``."""
    return transform_points(crop_matrix(landmarks, 1, 1.0), landmarks)[INNER]


def _as_batch(image: Image) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
