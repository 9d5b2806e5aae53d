"""The astronaut of scikit-image, a face that is known."""

from typing import Any

from numpy.typing import NDArray

from faceswap.landmarkers import FaceLandmarks, Landmarker, Roi

ROI = Roi((224.0, 120.0), 160.0, 0.0)
"""Region of her face."""


def refined(landmarker: Landmarker, image: NDArray[Any], roi: Roi = ROI) -> FaceLandmarks:
    """Landmarks of the face in a region, whose second pass is centred."""
    (first,) = landmarker(image, [roi])
    (second,) = landmarker(image, [landmarker.roi_from_landmarks(first)])
    return second
