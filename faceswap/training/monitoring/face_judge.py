"""The networks that judge decoded faces: landmarks, and the embedding of the identity."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap.core.errors import WeightsUnavailable
from faceswap.core.log import get_logger
from faceswap.geometry.alignment import crop_matrix, transform_points
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.landmarkers import FaceLandmarks, Landmarker, build_landmarker
from faceswap.recognizers import Recognizer, build_recognizer

_log = get_logger(__name__)
# The landmarker expects the whole head. Repeated borders disturb it less than black ones: on real
# crops of 1.25 face squares, the pose changes by 0.5 to 1.3 instead of 0.7 to 1.8 degrees.
_BORDER = 0.3  # on each side, as a fraction of the side


@dataclass(frozen=True)
class SeenFace:
    """A face in a crop.

    Attributes:
        points: Landmarks, ``(68, 2)`` in pixels.
        mesh: Face mesh, ``(478, 3)`` in pixels.
        embedding: Embedding of the identity, ``(D,) float32`` of length 1; None without a
            recognition network.
    """

    points: NDArray[np.float32]
    mesh: NDArray[np.float32]
    embedding: NDArray[np.float32] | None


class FaceJudge:
    """Finds the face of each crop and measures it.

    Args:
        landmarker: Landmarker with a mesh.
        recognizer: Recognition network; None leaves the identity unmeasured.
        coverage: Side of the crops in face squares.
    """

    def __init__(
        self, landmarker: Landmarker, recognizer: Recognizer | None, coverage: float
    ) -> None:
        self._landmarker, self._recognizer, self._coverage = landmarker, recognizer, coverage

    @property
    def knows_identities(self) -> bool:
        """Whether it measures the identity of a face."""
        return self._recognizer is not None

    def see(self, crops: Tensor) -> list[SeenFace | None]:
        """The face of each crop; None where there is none.

        Args:
            crops: Crops of faces, ``(N, 3, S, S) float RGB`` in [0, 1].
        """
        pixels = (crops.clamp(0, 1) * 255).round().to(torch.uint8)
        return [self._see(image) for image in pixels.permute(0, 2, 3, 1).cpu().numpy()]

    def _see(self, crop: NDArray[np.uint8]) -> SeenFace | None:
        border = round(_BORDER * len(crop))
        wide = np.asarray(
            cv2.copyMakeBorder(crop, *(4 * [border]), borderType=cv2.BORDER_REPLICATE), np.uint8
        )
        expected = _mean_face(len(wide), self._coverage * len(wide) / len(crop))
        # The second region is that of the face, as a tracker finds it.
        for _ in range(2):
            (expected,) = self._landmarker(wide, [self._landmarker.roi_from_landmarks(expected)])
            if expected.presence < self._landmarker.confirm_presence:
                return None
        embedding = None
        if self._recognizer is not None:
            (embedding,) = self._recognizer([wide], [expected.points])
        return SeenFace(expected.points, expected.dense_mesh(), embedding)


def open_face_judge(coverage: float) -> FaceJudge:
    """Loads the networks of evaluations.

    The recognition network may be missing, which is logged: the landmarks say most of what there is
    to say about a swap.

    Args:
        coverage: Side of the crops in face squares.

    Raises:
        WeightsUnavailable: Weights of the landmarker are not on this machine and cannot be
            downloaded.
    """
    landmarker, recognizer = build_landmarker(), None
    try:
        recognizer = build_recognizer()
    except WeightsUnavailable as error:
        _log.warning(
            "Swaps are measured by their landmarks, without their identity: %s %s",
            error.message,
            error.hint,
        )
    return FaceJudge(landmarker, recognizer, coverage)


def _mean_face(side: int, coverage: float) -> FaceLandmarks:
    """The mean face where an aligned crop shows it."""
    face = MEAN_FACE[:, :2]
    points = transform_points(crop_matrix(face, side, coverage), face)
    return FaceLandmarks(points.astype(np.float32), None, 1.0)
