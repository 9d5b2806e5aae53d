"""Maskers that render points of a face: without a network, ignore hair and hands."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from faceswap.geometry.alignment import head_pose
from faceswap.landmarkers.registry import require_mesh
from faceswap.maskers.hull import box_polygon, extended_polygon, fill_convex, fill_hull
from faceswap.maskers.mesh import fill_mesh, fill_open_mouth
from faceswap.maskers.regions import EYES, MOUTH, fill_features
from faceswap.maskers.registry import maskers

Mask = NDArray[np.uint8]
Points = NDArray[np.floating]

_MARGIN = 0.08  # of the eyes and of the mouth, in face squares: conversion erodes and softens it


class LandmarkMasker:
    """Masks what lies between some of the 68 landmarks.

    Args:
        fill: Function from the side of a mask and the landmarks in its pixels to the mask.
        whole_face: Whether its masks reach the outline of the face.
    """

    facts: Mapping[str, str] = MappingProxyType({})
    needs_mesh = False

    def __init__(self, fill: Callable[[int, Points], Mask], *, whole_face: bool = True) -> None:
        self._fill = fill
        self.whole_face = whole_face

    def __call__(
        self,
        crops: Sequence[NDArray[np.uint8]],
        landmarks: Sequence[Points],
        meshes: Sequence[Points | None],  # noqa: ARG002 (of the protocol)
    ) -> list[Mask]:
        """Computes one mask per crop, as described in ``Masker``."""
        return [
            self._fill(crop.shape[0], points) for crop, points in zip(crops, landmarks, strict=True)
        ]


class MeshMasker:
    """Masks the surface of a face mesh, with forehead and temples.

    Args:
        mouth_hole: Whether to leave out what is between the lips.
    """

    facts: Mapping[str, str] = MappingProxyType({})
    needs_mesh = True
    whole_face = True

    def __init__(self, *, mouth_hole: bool = False) -> None:
        self._mouth_hole = mouth_hole

    def __call__(
        self,
        crops: Sequence[NDArray[np.uint8]],
        landmarks: Sequence[Points],  # noqa: ARG002 (of the protocol)
        meshes: Sequence[Points | None],
    ) -> list[Mask]:
        """Computes one mask per crop, as described in ``Masker``."""
        return [
            self._mask(crop.shape[0], require_mesh(mesh))
            for crop, mesh in zip(crops, meshes, strict=True)
        ]

    def _mask(self, size: int, mesh: Points) -> Mask:
        mask = fill_mesh(size, mesh)
        return np.minimum(mask, 255 - fill_open_mouth(size, mesh)) if self._mouth_hole else mask


@maskers.register
def hull() -> LandmarkMasker:
    """Builds the masker ``hull``: from the jaw to a little above the brows."""
    return LandmarkMasker(fill_hull)


@maskers.register
def extended() -> LandmarkMasker:
    """Builds the masker ``extended``: from the jaw to where the hair begins on a mean head."""
    return LandmarkMasker(lambda size, points: fill_convex(size, extended_polygon(points)))


@maskers.register
def box() -> LandmarkMasker:
    """Builds the masker ``box``: the rectangle around the hull, upright, with round corners."""
    return LandmarkMasker(lambda size, points: fill_convex(size, box_polygon(points)))


@maskers.register
def mesh() -> MeshMasker:
    """Builds the masker ``mesh``: the face mesh with forehead and temples."""
    return MeshMasker()


@maskers.register
def mesh_mouth_hole() -> MeshMasker:
    """Builds the masker ``mesh_mouth_hole``: the face mesh without what is between the lips."""
    return MeshMasker(mouth_hole=True)


@maskers.register
def eyes() -> LandmarkMasker:
    """Builds the masker ``eyes``: the surroundings of both eyes."""
    return _features(EYES)


@maskers.register
def mouth() -> LandmarkMasker:
    """Builds the masker ``mouth``: the surroundings of the mouth."""
    return _features(MOUTH)


def _features(features: Sequence[slice]) -> LandmarkMasker:
    def fill(size: int, points: Points) -> Mask:
        return fill_features(size, points, features, _MARGIN * head_pose(points).scale)

    return LandmarkMasker(fill, whole_face=False)
