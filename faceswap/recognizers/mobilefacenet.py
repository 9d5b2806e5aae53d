"""MobileFaceNet: a small network for identity embeddings.

Chen et al., "MobileFaceNets: Efficient CNNs for Accurate Real-Time Face Verification on Mobile
Devices", 2018; the published network was trained with the ArcFace loss (Deng et al., 2019).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap.core.errors import ModelFileError
from faceswap.core.onnx_runtime import open_session
from faceswap.core.weights import weights_path
from faceswap.geometry.alignment import warp
from faceswap.geometry.landmarks68 import LEFT_EYE, MOUTH_CORNERS, NOSE_TIP, RIGHT_EYE
from faceswap.recognizers.registry import recognizers

SIDE = 112
_DIMENSIONS = 128
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
# Eyes, nose tip and mouth corners in pixels of the aligned input that it was trained on.
_TEMPLATE = np.array(
    [(38.29, 51.70), (73.53, 51.50), (56.03, 71.74), (41.55, 92.37), (70.73, 92.20)]
)


class MobileFaceNet:
    """The published network with alignment and normalisation.

    Args:
        path: ONNX file of the network.

    Raises:
        ModelFileError: The file is not an ONNX network.
    """

    weights: tuple[str, ...] = ("mobilefacenet",)

    def __init__(self, path: Path) -> None:
        try:
            # One face at a time does not benefit from several threads.
            self._session = open_session(path, threads=1)
        except Exception as error:  # onnxruntime raises many kinds, none of them public
            raise ModelFileError(
                f"Expected an ONNX network in {path}, found another file.",
                "Run `faceswap weights fetch mobilefacenet`.",
            ) from error
        self._input = self._session.get_inputs()[0].name

    def __call__(
        self, images: Sequence[NDArray[np.uint8]], landmarks: Sequence[NDArray[np.floating]]
    ) -> NDArray[np.float32]:
        """Embeddings ``(N, 128) float32`` of length 1, means over the face and its mirror image."""
        found = [self._embed(*face) for face in zip(images, landmarks, strict=True)]
        return np.array(found, np.float32).reshape(-1, _DIMENSIONS)

    def _embed(
        self, image: NDArray[np.uint8], landmarks: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        crop = warp(image, template_matrix(landmarks), SIDE).astype(np.float32) / 255
        total = np.zeros(_DIMENSIONS, np.float32)
        for picture in (crop, crop[:, ::-1]):
            # (1, 3, 112, 112): the published graph takes one picture at a time.
            batch = ((picture - MEAN) / STD).transpose(2, 0, 1)[None]
            (found,) = self._session.run(None, {self._input: np.ascontiguousarray(batch)})
            total += normalised(np.asarray(found)[0])
        return normalised(total)


@recognizers.register
def mobilefacenet(weights: Path | None = None) -> MobileFaceNet:
    """MobileFaceNet with the published weights, or with those of a given file."""
    return MobileFaceNet(weights_path("mobilefacenet", weights))


def normalised(vector: ArrayLike) -> NDArray[np.float32]:
    """Vector scaled to length 1."""
    vector = np.asarray(vector, np.float32)
    return vector / max(float(np.linalg.norm(vector)), 1e-12)


def five_points(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """``(68, 2)`` landmarks -> ``(5, 2)``: eyes, nose tip, mouth corners."""
    eyes = landmarks[LEFT_EYE].mean(0), landmarks[RIGHT_EYE].mean(0)
    return np.array([*eyes, landmarks[NOSE_TIP], *landmarks[list(MOUTH_CORNERS)]], np.float64)


def template_matrix(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """``(2, 3)`` matrix from image pixels to input pixels: the least-squares similarity.

    Args:
        landmarks: Landmarks, ``(68, 2)`` in image pixels.
    """
    points = five_points(landmarks)
    here, there = points.mean(0), _TEMPLATE.mean(0)
    a, b = points - here, _TEMPLATE - there
    spread = max(float((a**2).sum()), 1e-12)
    # A similarity of the plane is a multiplication by the complex number cos + i sin.
    cos = float((a * b).sum()) / spread
    sin = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / spread
    linear = np.array([[cos, -sin], [sin, cos]])
    return np.c_[linear, there - linear @ here]
