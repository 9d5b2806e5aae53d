"""MediaPipe Face Mesh: 468 points in 3D, with refined eyes, and the probability of a face.

Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", 2019.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from faceswap.core.tflite_net import TFLiteNet
from faceswap.core.weights import weights_path
from faceswap.geometry.alignment import head_pose
from faceswap.geometry.mesh68 import mesh_to_68
from faceswap.landmarkers.eyes import EyeRefiner
from faceswap.landmarkers.regions import cut_roi, roll_between, rotation, to_frame
from faceswap.landmarkers.registry import FaceLandmarks, Roi, landmarkers

_ROI_SCALE = 1.5  # side of the region / side of the face's box, as in training
_ROI_SCALE_68 = 1.7  # the same for the bounds of 68 points, which leave out the forehead
_RAISE_68 = 0.05  # how far that region is moved up, as a fraction of its side
# Mesh points at the outer corners of the eyes, at image left and at image right.
_EYE_CORNERS = (33, 263)


class FaceMesh:
    """Face Mesh: crops regions, runs the networks, returns points in frame pixels.

    Args:
        net: The graph of `face_landmark.tflite`.
        eyes: Refinement of the eyes of the meshes.
        device: Device of the network.
    """

    weights: tuple[str, ...] = ("facemesh", "iris")
    upright: bool = False
    min_presence: float = 0.5
    confirm_presence: float = 0.95

    def __init__(self, net: TFLiteNet, eyes: EyeRefiner, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.net = net.to(self.device)
        self.eyes = eyes
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
        placed = []
        for roi, mesh in zip(rois, meshes, strict=True):
            flat = to_frame(mesh[:, :2], roi, self.size)
            placed.append(np.c_[flat, mesh[:, 2] * np.float32(roi.side / self.size)])
        refined = self.eyes(image, placed)
        return [
            FaceLandmarks(mesh_to_68(mesh[:, :2]), mesh, score)
            for mesh, score in zip(refined, scores, strict=True)
        ]

    @staticmethod
    def roi_from_detection(box: NDArray[np.float32], points: NDArray[np.float32] | None) -> Roi:
        """Region of a detected face; see ``Landmarker.roi_from_detection``."""
        x0, y0, x1, y1 = (float(v) for v in box)
        side = _ROI_SCALE * max(x1 - x0, y1 - y0)
        angle = 0.0 if points is None else roll_between(points[0], points[1])
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
    eyes = EyeRefiner(TFLiteNet(weights_path("iris")), device)
    return FaceMesh(TFLiteNet(weights_path("facemesh", weights)), eyes, device)


def _roi_from_mesh(mesh: NDArray[np.float32]) -> Roi:
    flat = mesh[:, :2].astype(np.float64)
    angle = roll_between(flat[_EYE_CORNERS[0]], flat[_EYE_CORNERS[1]])
    turn = rotation(angle)
    # Bounds of the points in the rotated square: rows times R is R^-1 applied to each point.
    upright = flat @ turn
    low, high = upright.min(axis=0), upright.max(axis=0)
    center = turn @ ((low + high) / 2)
    return Roi((float(center[0]), float(center[1])), _ROI_SCALE * float((high - low).max()), angle)


def _roi_from_68(points: NDArray[np.float32]) -> Roi:
    low, high = points.min(0), points.max(0)
    side = _ROI_SCALE_68 * float((high - low).max())
    x, y = (low + high) / 2
    return Roi((float(x), float(y) - _RAISE_68 * side), side, head_pose(points).roll)
