"""Soft masks of the faces to replace, in crop space."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import repeat
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from cv2.typing import MatLike
from numpy.typing import NDArray
from torch import Tensor

from faceswap.conversion.masks.edge import MaskEdge
from faceswap.conversion.masks.temples import temple_points
from faceswap.core.errors import ConfigError
from faceswap.maskers import Masker
from faceswap.maskers.hull import fill_convex, hull_polygon
from faceswap.maskers.products import PREDICTED, build_product, split_product
from faceswap.maskers.regions import EYES, MOUTH, fill_features

Points = NDArray[np.floating]

KEPT = {"eyes": EYES, "mouth": MOUTH}
"""Features of the frame's own face that can be kept, and their landmarks."""

_MASK_SIZE = 128  # px: masks are blurred anyway, so they need no finer grid
_SIDEWAYS = 0.1  # face squares: a mask that ends farther from a temple does not reach it
_KEPT_MARGIN = 0.03  # face squares: lids and lips move with what is kept
_KEPT_SIGMA = 0.015  # face squares, of the blur at its edge


@dataclass(frozen=True, eq=False)
class FacesToMask:
    """Faces to replace, as crops of their frame, in the order of their masks.

    Attributes:
        crops: Crops of the frame, ``(S, S, 3) uint8 RGB``.
        landmarks: Landmarks of each crop, ``(68, 2)`` in crop pixels.
        meshes: Face mesh of each crop, ``(478, 2)`` in crop pixels; None for landmarkers of 68
            points.
        predicted: Masks of the swapped faces, ``(B, 1, s, s)`` in [0, 1]; None if the model does
            not predict them.
        shown_meshes: Mesh of each swapped face, ``(478, 2)`` in crop pixels, if it is known to
            cover the temples; they are then part of masks of a whole face, wherever these end
            beside them.
        covered: Soft mask of what hides each face, ``(m, m) float32`` in [0, 1], which is not
            replaced; None for faces that nothing hides.
    """

    crops: Sequence[NDArray[np.uint8]]
    landmarks: Sequence[Points]
    meshes: Sequence[Points | None]
    predicted: Tensor | None = None
    shown_meshes: Sequence[Points] | None = None
    covered: Sequence[NDArray[np.float32] | None] | None = None


class FaceMasks:
    """Computes the soft masks of faces to replace.

    Args:
        masker: Masker of the frame's own faces.
        coverage: Side of the crops in face squares.
        edge: Erosion and feathering; None for the defaults.
        keep: Features of the frame's own face that are not replaced, of ``KEPT``.
        use_predicted: Whether masks that the model predicts are multiplied with the others. They
            remove decoded hair and background where the frame's face is wider than the swapped
            one.
        needs_predicted: Whether a model that predicts no masks is an error.
        name: Name of the masker in manifests; None for that of its class.

    Attributes:
        masker: Masker of the frame's own faces.
        facts: Settings that the result depends on.

    Raises:
        ConfigError: A feature is not one of ``KEPT``.
    """

    def __init__(
        self,
        masker: Masker,
        coverage: float,
        edge: MaskEdge | None = None,
        *,
        keep: Sequence[str] = (),
        use_predicted: bool = True,
        needs_predicted: bool = False,
        name: str | None = None,
    ) -> None:
        if unknown := [name for name in keep if name not in KEPT]:
            raise ConfigError(
                f"Expected features to keep among {', '.join(KEPT)}, found {unknown[0]!r}.",
                "Correct the setting mask.keep.",
            )
        self.masker = masker
        self._coverage = coverage
        self._edge = edge or MaskEdge()
        self._kept = [feature for name in keep for feature in KEPT[name]]
        self._use_predicted = use_predicted or needs_predicted
        self._needs_predicted = needs_predicted
        self._face_square = _MASK_SIZE / coverage
        self.facts = {
            "masker": name or type(masker).__qualname__,
            **masker.facts,
            "edge": asdict(self._edge),
            "keep": list(keep),
            "predicted": self._use_predicted,
        }

    def __call__(self, faces: FacesToMask) -> Tensor:
        """Computes soft masks in crop space.

        Returns:
            Soft masks, ``(B, 1, M, M) float32`` in [0, 1] on the CPU, zero at the crop's border.

        Raises:
            ConfigError: The masker needs a mesh, and a face has none; or a predicted mask is
                needed, and there is none.
        """
        outlines = self.masker(faces.crops, faces.landmarks, faces.meshes)
        known = repeat(None, len(faces.crops))
        if faces.shown_meshes is not None and self.masker.whole_face:
            known = faces.shown_meshes
        shown = self._shown(faces.predicted, len(faces.crops))
        each = zip(outlines, faces.landmarks, shown, known, strict=True)
        masks = [self._mask(*face) for face in each]
        for mask, hidden in zip(masks, faces.covered or repeat(None, len(masks)), strict=True):
            if hidden is not None:
                mask *= 1 - cv2.resize(hidden, (_MASK_SIZE, _MASK_SIZE))
        return torch.from_numpy(np.stack(masks)[:, None])

    def _shown(self, predicted: Tensor | None, count: int) -> Iterable[MatLike | None]:
        """Predicted masks that are used, ``(M, M) float32`` each."""
        if predicted is None and self._needs_predicted:
            raise ConfigError(
                "Expected a model that predicts masks, found one that does not.",
                "Choose another --mask, or train with --set model.options.mask=true.",
            )
        if predicted is None or not self._use_predicted:
            return repeat(None, count)
        sides = (_MASK_SIZE, _MASK_SIZE)
        resized = F.interpolate(predicted.float(), sides, mode="bilinear", align_corners=False)
        return resized[:, 0].cpu().numpy()

    def _mask(
        self, outline: MatLike, landmarks: Points, shown: MatLike | None, mesh: Points | None
    ) -> NDArray[np.float32]:
        soft = self._edge.soften(
            _covered(outline, landmarks, shown, mesh, self._face_square), self._face_square
        )
        if self._kept:
            points = _scaled(landmarks, _MASK_SIZE / outline.shape[0])
            margin, sigma = _KEPT_MARGIN * self._face_square, _KEPT_SIGMA * self._face_square
            kept = fill_features(_MASK_SIZE, points, self._kept, margin)
            soft *= 1 - cv2.GaussianBlur(kept.astype(np.float32) / 255, (0, 0), sigma)
        return soft


def build_face_masks(
    mask: str,
    coverage: float,
    device: str = "cpu",
    model: Path | None = None,
    edge: MaskEdge | None = None,
    *,
    keep: Sequence[str] = (),
    use_predicted: bool = True,
    build: Callable[[str, str, Path | None], Masker] = build_product,
) -> FaceMasks:
    """Builds the masks of a conversion by the names of their maskers.

    Args:
        mask: Name of a masker, ``predicted``, or several with ``*`` between them.
        coverage: Side of the crops in face squares.
        device: Device of the maskers' networks.
        model: Run or model folder of the network of a masker that has one; None if none has.
        edge: Erosion and feathering; None for the defaults.
        keep: Features of the frame's own face that are not replaced.
        use_predicted: Whether predicted masks are multiplied with the others if the model has some;
            with ``predicted`` among the names, it must have some.
        build: Builds the masker; a function that keeps maskers shares their networks.

    Raises:
        ConfigError: A name is unknown or given twice, or a network is missing.
        ModelFileError: A network cannot be read.
    """
    needed = PREDICTED in split_product(mask)
    masker = build(mask, device, model)
    return FaceMasks(
        masker,
        coverage,
        edge,
        keep=keep,
        use_predicted=use_predicted,
        needs_predicted=needed,
        name=mask,
    )


def _covered(
    mask: MatLike,
    landmarks: Points,
    shown: MatLike | None,
    mesh: Points | None,
    face_square: float,
) -> MatLike:
    """Mask of a face with its temples, without what the swapped face shows as background."""
    scale = _MASK_SIZE / mask.shape[0]
    mask = cv2.resize(mask, (_MASK_SIZE, _MASK_SIZE), interpolation=cv2.INTER_AREA)
    if mesh is not None:
        points = _scaled(landmarks, scale)
        temples = fill_convex(_MASK_SIZE, temple_points(points, _scaled(mesh, scale), face_square))
        # What covers the face inside the landmarks stays excluded.
        inside = fill_convex(_MASK_SIZE, hull_polygon(points))
        mask = np.where(inside == 255, mask, _widened(mask, temples, face_square))
        if shown is not None:
            shown = _widened(shown, temples / np.float32(255), face_square)
    return mask if shown is None else (mask * shown).round().astype(np.uint8)


def _scaled(points: Points, scale: float) -> Points:
    """Points of a crop in one of another size; pixel centres are at integers."""
    return (points + 0.5) * scale - 0.5


def _widened(mask: MatLike, temples: MatLike, face_square: float) -> MatLike:
    """A mask that covers the temples wherever it ends beside them."""
    return np.maximum(mask, np.minimum(_sideways(mask, face_square), temples))


def _sideways(mask: MatLike, face_square: float) -> MatLike:
    """Dilates a mask along the rows of its crop, which is upright."""
    return cv2.dilate(mask, np.ones((1, 2 * round(_SIDEWAYS * face_square) + 1), np.uint8))
