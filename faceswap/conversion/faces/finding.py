"""How the faces of a source are found that comes without a faceset."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from faceswap.core.weights import weights_entry
from faceswap.extraction.cropping import NO_CROPS
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.landmarkers.registry import Roi, require_mesh
from faceswap.media.sources import Source
from faceswap.tracking.finder import DETECTOR, LANDMARKER, build_tracker
from faceswap.tracking.tracker import Tracker

_CROP_SIZE = 192  # px; crops are measured, and not stored


@dataclass(frozen=True)
class FaceFinding:
    """Networks that find faces during a conversion.

    Attributes:
        detector: Name of the detector.
        landmarker: Name of the landmarker.
        device: Device of both networks.
    """

    detector: str = DETECTOR
    landmarker: str = LANDMARKER
    device: str = "cpu"

    def new_tracker(self) -> Tracker:
        """Tracker of one source: it remembers its faces.

        Raises:
            ConfigError: There is no such detector or landmarker.
            WeightsUnavailable: Weights could neither be found nor fetched.
        """
        return build_tracker(self.detector, self.landmarker, self.device)

    def require_meshes(self) -> None:
        """Checks that the landmarker gives face meshes, before it places any landmarks.

        Raises:
            ConfigError: It gives 68 landmarks only.
        """
        blank = np.zeros((64, 64, 3), np.uint8)
        (landmarks,) = self.new_tracker().landmarker(blank, [Roi((32, 32), 64, 0)])
        require_mesh(landmarks.mesh)

    @cached_property
    def weights(self) -> Mapping[str, str]:
        """SHA-256 of the weights of both networks by their names."""
        tracker = self.new_tracker()
        names = (*tracker.detector.weights, *tracker.landmarker.weights)
        return {name: weights_entry(name).sha256 for name in names}

    def extract(self, source: Source, directory: Path, on_frames: Callable[[int], None]) -> Faceset:
        """Finds the faces of a video and stores where they are; resumes where it was interrupted.

        Args:
            source: Video.
            directory: Folder for the faceset.
            on_frames: Callback with the number of frames done since its last call.

        Raises:
            NoFacesError: There is none.
        """
        settings = ExtractSettings(
            self.detector, self.landmarker, crop_size=_CROP_SIZE, image_format=NO_CROPS
        )
        extract_source(source, directory, settings, device=self.device, on_frames=on_frames)
        return Faceset.open(directory)
