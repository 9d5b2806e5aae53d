"""Pictures of crops with what is known of them drawn over: landmarks, mesh, mask, pose."""

from collections.abc import Callable, Sequence
from itertools import islice, repeat
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap.core.captions import text_mask
from faceswap.core.errors import ConfigError, FaceswapError
from faceswap.core.files import atomic_directory
from faceswap.core.locks import hold_file
from faceswap.core.outputs import check_outputs
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.alignment import head_pose, transform_points
from faceswap.geometry.landmarks68 import (
    JAW,
    LEFT_BROW,
    LEFT_EYE,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_EYE,
)
from faceswap.media.images import write_image

LAYERS = ("mask", "mesh", "landmarks", "axes", "text")
"""What can be drawn, from the bottom up."""

_SIDE = 768  # px, at least: lines of a pixel over a small crop would hide it
_SUBPIXEL = 4  # bits of the fraction of coordinates
_INNER_LIPS = slice(60, 68)
_LINES: tuple[tuple[slice, bool, tuple[int, int, int]], ...] = (
    (JAW, False, (80, 200, 255)),
    (LEFT_BROW, False, (255, 210, 60)),
    (RIGHT_BROW, False, (255, 210, 60)),
    (slice(27, 31), False, (120, 255, 120)),  # bridge of the nose
    (slice(31, 36), False, (120, 255, 120)),
    (LEFT_EYE, True, (255, 255, 255)),
    (RIGHT_EYE, True, (255, 255, 255)),
    (OUTER_LIPS, True, (255, 90, 120)),
    (_INNER_LIPS, True, (255, 150, 170)),
)
"""Parts of landmarks68, whether their line is closed, and its colour."""
_AXES = (((1, 0, 0), (255, 70, 70)), ((0, -1, 0), (70, 255, 70)), ((0, 0, -1), (90, 140, 255)))
"""Directions in the space of the mean face with their colours: image right, up, out of the face."""
_AXIS = 0.6  # face squares
_OUTSIDE = 0.4  # brightness of what is not in the mask
_MESH_COLOUR, _MASK_COLOUR = (140, 230, 230), (255, 160, 0)

Picture = NDArray[np.uint8]
Edges = NDArray[np.int64]


def draw_faces(
    faceset: Faceset,
    faces: Sequence[Face],
    folder: Path,
    *,
    layers: Sequence[str] = ("mask", "landmarks", "axes", "text"),
    on_faces: Callable[[int], object] = lambda _count: None,
) -> None:
    """Writes a picture for each face into a new folder, complete or not at all.

    Args:
        faceset: Faceset of the faces; the masks of its ``masker`` are drawn.
        faces: Faces whose crops are in ``images/``.
        folder: New folder.
        layers: Some of ``LAYERS``.
        on_faces: Callback with the number of faces drawn since its last call.

    Raises:
        ConfigError: There is no such layer.
        FacesetError: Meshes are wanted and there are none.
        MediaError: A crop is missing or damaged.
        OutputExistsError: The folder exists.
        StorageFullError: The disk is full; nothing is left.
    """
    for layer in layers:
        if layer not in LAYERS:
            raise ConfigError(f"Unknown layer {layer!r}.", f"Known layers: {', '.join(LAYERS)}.")
    edges = mesh_edges(_most_frontal(faceset)) if "mesh" in layers and faces else None
    wanted = {face.image for face in faces}
    with hold_file(folder, "the drawing"):
        check_outputs([], [folder], hint="Choose another --output, or delete it.")
        with atomic_directory(folder) as new:
            meshes = repeat(None) if edges is None else faceset.each_mesh()
            for face, mesh in zip(faceset.faces(), meshes, strict=False):
                if face.image not in wanted:
                    continue
                picture = draw_face(faceset, face, layers, mesh, edges)
                write_image(new / f"{Path(face.image).stem}.jpg", picture)
                on_faces(1)


def draw_face(
    faceset: Faceset,
    face: Face,
    layers: Sequence[str],
    mesh: NDArray[np.floating] | None = None,
    edges: Edges | None = None,
) -> Picture:
    """Picture of a face.

    Args:
        faceset: Faceset of the face.
        face: Face.
        layers: Some of ``LAYERS``.
        mesh: Mesh in frame pixels, ``(478, 3)``, for the layer ``mesh``.
        edges: Pairs of points that are joined by lines, ``(E, 2)``.

    Returns:
        ``(S, S, 3) uint8`` RGB, at least 768 pixels a side.
    """
    crop = faceset.load_crop(face)
    zoom = max(1, -(-_SIDE // len(crop)))
    side = zoom * len(crop)

    def placed(points: ArrayLike) -> NDArray[np.floating]:
        return (transform_points(face.matrix, points) + 0.5) * zoom - 0.5

    picture = np.asarray(cv2.resize(crop, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
    if "mask" in layers and (mask := _mask(faceset, face)) is not None:
        mask = cv2.resize(mask, (side, side), interpolation=cv2.INTER_LINEAR)
        picture = _masked(picture, np.asarray(mask, np.uint8))
    if mesh is not None and edges is not None and "mesh" in layers:
        for pair in placed(mesh[:, :2])[edges]:
            _line(picture, pair, _MESH_COLOUR, 1)
    if "landmarks" in layers:
        points = placed(face.landmarks)
        for part, closed, colour in _LINES:
            _line(picture, points[part], colour, 2, closed=closed)
        for x, y in np.round(points * (1 << _SUBPIXEL)).astype(int).tolist():
            cv2.circle(picture, (x, y), 3 << _SUBPIXEL, (20, 20, 20), -1, cv2.LINE_AA, _SUBPIXEL)
    if "axes" in layers:
        _draw_axes(picture, face, placed)
    if "text" in layers:
        _draw_text(picture, face)
    return picture


def _most_frontal(faceset: Faceset) -> NDArray[np.float32]:
    """Mesh of the face of a faceset, which has some, that is turned least."""
    turned = [abs(face.yaw) + abs(face.pitch) for face in faceset.faces()]
    return next(islice(faceset.each_mesh(), int(np.argmin(turned)), None))


def mesh_edges(frontal: NDArray[np.floating]) -> Edges:
    """Edges between neighbouring points of a mesh: a triangulation of a frontal face.

    Args:
        frontal: Mesh of it, ``(478, 3)`` in frame pixels.

    Returns:
        Pairs of points, ``(E, 2)``.
    """
    mesh = frontal[:, :2].astype(np.float32)
    low, high = mesh.min(0) - 1, mesh.max(0) + 1
    grid = cv2.Subdiv2D((0, 0, *np.ceil(high - low).astype(int).tolist()))
    places = [(x, y) for x, y in (mesh - low).tolist()]
    for place in places:
        grid.insert(place)
    number = {place: point for point, place in enumerate(places)}
    ends = np.asarray(grid.getEdgeList()).reshape(-1, 2).tolist()
    pairs = np.array([number.get((x, y), -1) for x, y in ends], np.int64).reshape(-1, 2)
    return pairs[(pairs >= 0).all(1)]  # without the corners of the grid


def _mask(faceset: Faceset, face: Face) -> Picture | None:
    try:
        return faceset.load_mask(face)
    except FaceswapError:  # it is drawn without one
        return None


def _masked(picture: Picture, mask: Picture) -> Picture:
    inside = mask[..., None].astype(np.float32) / 255
    shaded = picture * (_OUTSIDE + (1 - _OUTSIDE) * inside)
    result = np.ascontiguousarray(shaded.round().astype(np.uint8))
    outlines, _ = cv2.findContours(
        (mask > 127).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE
    )
    cv2.drawContours(result, outlines, -1, _MASK_COLOUR, 2, cv2.LINE_AA)
    return result


def _draw_axes(
    picture: Picture, face: Face, placed: Callable[[ArrayLike], NDArray[np.floating]]
) -> None:
    pose = head_pose(face.landmarks)
    for direction, colour in _AXES:
        ends = np.array([(0, 0, 0), direction]) * _AXIS
        _line(picture, placed(pose.project(ends)), colour, 4)


def _draw_text(picture: Picture, face: Face) -> None:
    angles = f"yaw {face.yaw:.0f}  pitch {face.pitch:.0f}  roll {face.roll:.0f}"
    about = f"size {face.size:.0f}  sharpness {face.sharpness:.0f}  track {face.track}"
    person = f"  person {face.person}" if face.person else ""
    filled = "  filled" if face.filled else ""
    height = len(picture) // 24
    for place, text in enumerate(
        (f"{face.image}  {face.time:.2f} s", angles, about + person + filled)
    ):
        rows = slice(place * height, (place + 1) * height)
        coverage = text_mask(text, height, picture.shape[1] - height)[..., None] / 255
        part = picture[rows, height // 2 : height // 2 + coverage.shape[1]]
        part[:] = (part * 0.5 * (1 - coverage) + 255 * coverage).astype(np.uint8)


def _line(
    picture: Picture,
    points: NDArray[np.floating],
    colour: tuple[int, int, int],
    width: int,
    *,
    closed: bool = False,
) -> None:
    fixed = np.round(points * (1 << _SUBPIXEL)).astype(np.int32)
    cv2.polylines(picture, [fixed], closed, colour, width, cv2.LINE_AA, _SUBPIXEL)
