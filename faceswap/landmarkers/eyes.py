"""MediaPipe Iris: eyelids and irises, placed in close-ups of the eyes.

The mesh network sees a whole face in 192 pixels, and hardly notices a closed eye behind glasses.
This one sees each eye in 64.

Ablavatski et al., "Real-time Pupil Tracking from Monocular Video for Digital Puppetry", 2020.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from faceswap.core.tflite_net import TFLiteNet
from faceswap.geometry.mesh_shape import LEFT_EYE, RIGHT_EYE, EyePoints, with_irises
from faceswap.landmarkers.regions import cut_roi, roll_between, to_frame
from faceswap.landmarkers.registry import Roi

_ROI_SCALE = 2.3  # side of the region / distance of the eye's corners, as in training
_SIDE_ON = 0.5  # width of an eye / width of the other one, below which it is hardly seen
_CLOSED, _OPEN = 0.10, 0.18  # gap of the lids / distance of the corners
_EYES = (LEFT_EYE, RIGHT_EYE)


class EyeRefiner:
    """Replaces the lids of face meshes by better placed ones, and adds the irises.

    Args:
        net: The graph of ``iris_landmark.tflite``.
        device: Device of the network.
    """

    def __init__(self, net: TFLiteNet, device: str = "cpu") -> None:
        self._device = torch.device(device)
        self._net = net.to(self._device)
        self._size = net.input_size[0]

    def __call__(
        self, image: NDArray[np.uint8], meshes: Sequence[NDArray[np.float32]]
    ) -> list[NDArray[np.float32]]:
        """Refines the meshes of the faces of one frame, as one batch.

        Args:
            image: Image, ``(H, W, 3) uint8 RGB``.
            meshes: Meshes, ``(468, 3)`` in frame pixels; at least one.

        Returns:
            Meshes with irises, ``(478, 3)``, in MediaPipe's order. The depth of an iris is that of
            its eye.
        """
        eyes = [(mesh, eye) for mesh in meshes for eye in _EYES]
        rois = [_roi(mesh, eye) for mesh, eye in eyes]
        crops = [cut_roi(image, roi, self._size) for roi in rois]
        # The network knows the eye at image left only.
        crops = [_mirrored(crop, eye) for crop, (_, eye) in zip(crops, eyes, strict=True)]
        with torch.inference_mode():
            batch = torch.from_numpy(np.stack(crops)).to(self._device).permute(0, 3, 1, 2)
            contours, irises = (
                points.reshape(len(eyes), -1, 3).cpu().numpy()
                for points in self._net(batch.float().div_(255))
            )
        refined = [with_irises(mesh) for mesh in meshes]
        for number, ((_, eye), roi) in enumerate(zip(eyes, rois, strict=True)):
            if roi.side < _SIDE_ON * rois[number ^ 1].side:
                continue  # behind the nose: the mesh guesses better
            contour, iris = (
                _placed(points[number], eye, roi, self._size) for points in (contours, irises)
            )
            _put(refined[number // len(_EYES)], eye, contour[: len(eye.contour)], iris)
        return refined


def _roi(mesh: NDArray[np.float32], eye: EyePoints) -> Roi:
    left, right = mesh[list(eye.corners), :2]
    x, y = (left + right) / 2
    side = _ROI_SCALE * max(float(np.linalg.norm(right - left)), 1.0)
    return Roi((float(x), float(y)), side, roll_between(left, right))


def _mirrored(crop: NDArray[np.uint8], eye: EyePoints) -> NDArray[np.uint8]:
    return crop[:, ::-1] if eye is RIGHT_EYE else crop


def _placed(
    points: NDArray[np.float32], eye: EyePoints, roi: Roi, size: int
) -> NDArray[np.float32]:
    """Output of the network in frame pixels, ``(N, 2)``."""
    flat = points[:, :2]
    if eye is RIGHT_EYE:
        flat = np.array([size, 0], np.float32) + flat * np.array([-1, 1], np.float32)
    return to_frame(flat, roi, size)


def _put(
    mesh: NDArray[np.float32],
    eye: EyePoints,
    contour: NDArray[np.float32],
    iris: NDArray[np.float32],
) -> None:
    """Puts an eye into a mesh, in place."""
    mesh[eye.contour, :2] = contour
    upper, lower, corners = (mesh[points, :2] for points in (eye.upper, eye.lower, eye.corners))
    width = max(float(np.linalg.norm(corners[1] - corners[0])), 1e-6)
    gap = float(np.linalg.norm(upper - lower, axis=1).mean()) / width
    seen = min(max((gap - _CLOSED) / (_OPEN - _CLOSED), 0.0), 1.0)
    # A closing eye hides its iris: what the network says of it then is noise.
    middle = contour.mean(0)
    mesh[eye.iris, :2] = iris + (1 - seen) * (middle - iris[0])
    mesh[eye.iris, 2] = mesh[eye.contour, 2].mean()
