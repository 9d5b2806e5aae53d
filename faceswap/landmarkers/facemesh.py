"""MediaPipe Face Mesh: 468 points in 3D and the probability of a face.

Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", 2019.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from faceswap.core.tflite_net import TFLiteNet
from faceswap.core.weights import weights_path
from faceswap.geometry.alignment import head_pose
from faceswap.geometry.mesh68 import mesh_to_68
from faceswap.landmarkers.registry import FaceLandmarks, Roi, landmarkers

_ROI_SCALE = 1.5  # side of the region / side of the face's box, as in training
_ROI_SCALE_68 = 1.7  # the same for the bounds of 68 points, which leave out the forehead
_RAISE_68 = 0.05  # how far that region is moved up, as a fraction of its side
# Mesh points at the outer corners of the eyes, at image left and at image right.
_EYE_CORNERS = (33, 263)


class FaceMesh:
    """Face Mesh: crops regions, runs the network, returns points in frame pixels.

    Args:
        net: The graph of `face_landmark.tflite`.
        device: Device of the network.
    """

    weights: tuple[str, ...] = ("facemesh",)
    min_presence: float = 0.5
    confirm_presence: float = 0.95

    def __init__(self, net: TFLiteNet, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.net = net.to(self.device)
        self.size = net.input_size[0]

    def __call__(self, image: NDArray[np.uint8], rois: Sequence[Roi]) -> list[FaceLandmarks]:
        """Places landmarks in regions of one frame, as one batch.

        Args:
            image: Image, (H, W, 3) uint8 RGB.
            rois: Regions; they may reach beyond the frame.

        Returns:
            One result per region, whatever its presence (a probability).
        """
        if not rois:
            return []
        crops = np.stack([cut_roi(image, roi, self.size) for roi in rois])
        with torch.inference_mode():
            batch = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2)  # (B, 3, S, S)
            points, presence = self.net(batch.float().div_(255))
            meshes = points.reshape(len(rois), -1, 3).cpu().numpy()
            scores = presence.reshape(len(rois)).sigmoid().cpu().tolist()
        results = []
        for roi, mesh, score in zip(rois, meshes, scores, strict=True):
            placed = _to_frame(mesh, roi, self.size)
            results.append(FaceLandmarks(mesh_to_68(placed[:, :2]), placed, score))
        return results

    @staticmethod
    def roi_from_detection(box: NDArray[np.float32], points: NDArray[np.float32] | None) -> Roi:
        """Region of a detected face; see ``Landmarker.roi_from_detection``."""
        x0, y0, x1, y1 = (float(v) for v in box)
        side = _ROI_SCALE * max(x1 - x0, y1 - y0)
        angle = 0.0 if points is None else _angle(points[0], points[1])
        return Roi(((x0 + x1) / 2, (y0 + y1) / 2), side, angle)

    @staticmethod
    def roi_from_landmarks(landmarks: FaceLandmarks) -> Roi:
        """Region around a face's mesh, or around its 68 points where it has no mesh."""
        if landmarks.mesh is None:
            return _roi_from_68(landmarks.points)
        return _roi_from_mesh(landmarks.mesh)


@landmarkers.register
def facemesh(device: str = "cpu", weights: Path | None = None) -> FaceMesh:
    """Face Mesh with the published weights, or with those of a given file."""
    return FaceMesh(TFLiteNet(weights_path("facemesh", weights)), device)


def _roi_from_mesh(mesh: NDArray[np.float32]) -> Roi:
    flat = mesh[:, :2].astype(np.float64)
    angle = _angle(flat[_EYE_CORNERS[0]], flat[_EYE_CORNERS[1]])
    rotation = _rotation(angle)
    # Bounds of the points in the rotated square: rows times R is R^-1 applied to each point.
    upright = flat @ rotation
    low, high = upright.min(axis=0), upright.max(axis=0)
    center = rotation @ ((low + high) / 2)
    return Roi((float(center[0]), float(center[1])), _ROI_SCALE * float((high - low).max()), angle)


def _roi_from_68(points: NDArray[np.float32]) -> Roi:
    low, high = points.min(0), points.max(0)
    side = _ROI_SCALE_68 * float((high - low).max())
    x, y = (low + high) / 2
    return Roi((float(x), float(y) - _RAISE_68 * side), side, head_pose(points).roll)


def cut_roi(image: NDArray[np.uint8], roi: Roi, size: int) -> NDArray[np.uint8]:
    """Crops a region upright to (size, size, 3) uint8; pixels beyond the frame are black."""
    # Bilinear sampling aliases when it shrinks the image: sample a larger crop, then average it.
    factor = min(4, max(1, round(roi.side / size)))
    large = size * factor
    scale = large / max(roi.side, 1e-3)
    matrix = np.empty((2, 3))
    matrix[:, :2] = scale * _rotation(roi.angle).T
    matrix[:, 2] = (large - 1) / 2 - matrix[:, :2] @ np.array(roi.center)
    crop = cv2.warpAffine(image, matrix, (large, large), flags=cv2.INTER_LINEAR)
    if factor > 1:
        crop = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
    return crop.astype(np.uint8, copy=False)


def _to_frame(mesh: NDArray[np.float32], roi: Roi, size: int) -> NDArray[np.float32]:
    """Maps the output (x, y in [0, size] from corner to corner of the crop) to frame pixels."""
    scale = roi.side / size
    placed = np.empty_like(mesh)
    placed[:, :2] = (mesh[:, :2] - size / 2) @ (scale * _rotation(roi.angle).T) + roi.center
    placed[:, 2] = mesh[:, 2] * scale
    return placed


def _angle(left_eye: NDArray[np.floating], right_eye: NDArray[np.floating]) -> float:
    dx, dy = (float(v) for v in right_eye - left_eye)
    return math.degrees(math.atan2(dy, dx))


def _rotation(angle: float) -> NDArray[np.float64]:
    """Rotation matrix by degrees, clockwise in the image (y down)."""
    radians = math.radians(angle)
    cos, sin = math.cos(radians), math.sin(radians)
    return np.array([[cos, -sin], [sin, cos]])
