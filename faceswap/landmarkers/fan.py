"""FAN: 68 landmarks from heatmaps, with the network of the library face-alignment.

Bulat and Tzimiropoulos, "How far are we from solving the 2D & 3D Face Alignment problem?", 2017.
Regions, crops and mirrored pass are those of ``face_alignment.FaceAlignment.get_landmarks``. The
library truncates its points to whole pixels; these keep the fraction.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from faceswap.core.errors import ModelFileError
from faceswap.core.weights import load_torch_archive, weights_path
from faceswap.landmarkers.registry import FaceLandmarks, Roi, landmarkers

_MODULES = 4  # stacked hourglasses of the published network
_CROP = 256  # px
_HEATMAP = 64  # px
_SCALE_UNIT = 200.0  # px of a region per unit of the library's "scale"
_REFERENCE = 195.0  # sum of a box's sides in px at scale 1
_RAISE = (
    0.12  # how far a region lies above the centre of its box, as a fraction of the box's height
)
_FULL_PEAK = 0.9  # mean heatmap peak of a clear face; the peaks of the training targets are 1
_BATCH = 8


class FanLandmarker:
    """FAN: crops regions, runs the network on them and their mirror images, decodes heatmaps.

    ``presence`` is the mean peak of the 68 heatmaps as a fraction of a clear face's (0.9), at most
    1. It is no probability.

    Args:
        net: Network from (B, 3, 256, 256) float32 RGB in [0, 1] to a list of heatmaps
            (B, 68, 64, 64), one per hourglass.
        device: Device of the network.
    """

    weights: tuple[str, ...] = ("fan",)
    upright: bool = True
    min_presence: float = 0.5
    confirm_presence: float = 0.7

    def __init__(self, net: nn.Module, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.net = net.to(self.device).eval()

    def __call__(self, image: NDArray[np.uint8], rois: Sequence[Roi]) -> list[FaceLandmarks]:
        """Places landmarks in upright regions of one frame.

        Args:
            image: Image, (H, W, 3) uint8 RGB.
            rois: Regions of angle 0; they may reach beyond the frame.

        Returns:
            One result per region, without mesh, whatever its presence.
        """
        results = []
        for start in range(0, len(rois), _BATCH):
            batch = rois[start : start + _BATCH]
            for roi, heatmaps in zip(batch, self._heatmaps(image, batch), strict=True):
                peaks = heatmaps.max(axis=(1, 2))
                presence = float(np.clip(peaks.mean() / _FULL_PEAK, 0, 1))
                results.append(FaceLandmarks(_to_frame(decode(heatmaps), roi), None, presence))
        return results

    def _heatmaps(self, image: NDArray[np.uint8], rois: Sequence[Roi]) -> NDArray[np.float32]:
        """Mean heatmaps (B, 68, 64, 64) of the regions and of their mirror images."""
        from face_alignment.utils import flip

        crops = torch.from_numpy(np.stack([cut_roi(image, roi) for roi in rois]))
        with torch.inference_mode():
            batch = crops.permute(0, 3, 1, 2).to(self.device).float().div_(255)  # (B, 3, S, S)
            upright = self.net(batch)[-1]
            mirrored = flip(self.net(flip(batch))[-1], is_label=True)
            return ((upright + mirrored) / 2).cpu().numpy()

    @staticmethod
    def roi_from_detection(
        box: NDArray[np.float32],
        points: NDArray[np.float32] | None,  # noqa: ARG004 - upright regions need no eyes
    ) -> Roi:
        """Region of a detected face; always upright."""
        x0, y0, x1, y1 = (float(v) for v in box)
        center = ((x0 + x1) / 2, (y0 + y1) / 2 - _RAISE * (y1 - y0))
        return Roi(center, _SCALE_UNIT * (x1 - x0 + y1 - y0) / _REFERENCE, 0.0)

    @staticmethod
    def roi_from_landmarks(landmarks: FaceLandmarks) -> Roi:
        """Region around a face's 68 points, as in the network's training."""
        low, high = landmarks.points.min(axis=0), landmarks.points.max(axis=0)
        return FanLandmarker.roi_from_detection(np.concatenate([low, high]), None)


@landmarkers.register
def fan(device: str = "cpu", weights: Path | None = None) -> FanLandmarker:
    """FAN-4 (2D) with the published weights, or with those of a given file.

    Raises:
        ModelFileError: The file does not hold the weights of this network.
    """
    from face_alignment.models import FAN

    path = weights_path("fan", weights)
    net = FAN(_MODULES)
    try:
        net.load_state_dict(load_torch_archive(path))
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ModelFileError(
            f"Expected the weights of 2DFAN-4 in {path}, found others.",
            "Remove the file; `faceswap weights fetch fan` downloads the published one.",
        ) from error
    return FanLandmarker(net, device)


def cut_roi(image: NDArray[np.uint8], roi: Roi) -> NDArray[np.uint8]:
    """Crops an upright region to (256, 256, 3) uint8; pixels beyond the frame are black.

    The same pixels as ``face_alignment.utils.crop``, which fails on regions outside the frame.
    """
    from face_alignment.utils import transform

    assert roi.angle == 0, "FAN takes upright regions"
    scale = roi.side / _SCALE_UNIT
    # Rounded as in the library, which counts pixels from 1.
    left, top = transform([1, 1], roi.center, scale, _CROP, invert=True).tolist()
    right, bottom = transform([_CROP, _CROP], roi.center, scale, _CROP, invert=True).tolist()
    crop = np.zeros((max(1, bottom - top), max(1, right - left), 3), np.uint8)
    height, width = image.shape[:2]
    x0, x1, y0, y1 = max(0, left), min(right, width), max(0, top), min(bottom, height)
    if x0 < x1 and y0 < y1:
        crop[y0 - top : y1 - top, x0 - left : x1 - left] = image[y0:y1, x0:x1]
    resized = cv2.resize(crop, (_CROP, _CROP), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, np.uint8)


def decode(heatmaps: NDArray[np.float32]) -> NDArray[np.float64]:
    """Peaks of heatmaps, moved by a quarter of a cell towards the higher neighbour.

    Args:
        heatmaps: Heatmaps, (68, S, S).

    Returns:
        (68, 2) x, y in heatmap cells, from corner to corner: the middle of the first cell is 0.5.
    """
    side = heatmaps.shape[-1]
    rows, columns = np.divmod(heatmaps.reshape(len(heatmaps), -1).argmax(axis=1), side)
    points = np.stack([columns, rows], axis=1) + 0.5
    inner = (columns > 0) & (columns < side - 1) & (rows > 0) & (rows < side - 1)
    index, row, column = np.flatnonzero(inner), rows[inner], columns[inner]
    across = heatmaps[index, row, column + 1] - heatmaps[index, row, column - 1]
    down = heatmaps[index, row + 1, column] - heatmaps[index, row - 1, column]
    points[inner] += 0.25 * np.sign(np.stack([across, down], axis=1))
    return points


def _to_frame(points: NDArray[np.float64], roi: Roi) -> NDArray[np.float32]:
    """Maps heatmap cells to frame pixels with pixel centres at integers."""
    corner = np.array(roi.center) - roi.side / 2
    return (points * (roi.side / _HEATMAP) + corner - 0.5).astype(np.float32)
