"""How faces are found where no faceset holds them, or only those of some frames."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from faceswap.core.weights import weights_entry
from faceswap.extraction.cropping import NO_CROPS
from faceswap.extraction.networks import Networks
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.selection import Selection
from faceswap.extraction.settings import ExtractSettings
from faceswap.extraction.source_extraction import SourceExtraction
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.record import IMPORTED
from faceswap.landmarkers.registry import Roi, require_mesh
from faceswap.media.hashed_source import HashedSource
from faceswap.tracking.finder import DETECTOR, LANDMARKER, build_tracker
from faceswap.tracking.tracker import Tracker

# Crops are measured, and not stored.
_SETTINGS = ExtractSettings(crop_size=192, image_format=NO_CROPS)
_TRACKER = ("normalise", "re_feed", "min_score", "tiles", "turned")
_RECORDED = (*_TRACKER, "crop_size", "first_frame", "end_frame", "fill_gaps")


@dataclass(frozen=True)
class FaceFinding:
    """Networks that find faces during a conversion.

    Attributes:
        detector: Name of the detector.
        landmarker: Name of the landmarker.
        device: Device of both networks.
        settings: All other settings of the extraction that finds the faces of a video.
    """

    detector: str = DETECTOR
    landmarker: str = LANDMARKER
    device: str = "cpu"
    settings: ExtractSettings = _SETTINGS

    @classmethod
    def as_extracted(cls, record: Mapping[str, Any], device: str = "cpu") -> "FaceFinding":
        """The settings of a faceset, with all frames and without its choice of people.

        The default networks stand in for those of another program, whose faces were imported.

        Args:
            record: Record of the faceset.
            device: Device of both networks.
        """
        extractor = {key: value for key, value in record["extractor"].items() if value is not None}
        detector, landmarker = (
            default if extractor.get(key, IMPORTED) == IMPORTED else extractor[key]
            for key, default in (("detector", DETECTOR), ("landmarker", LANDMARKER))
        )
        recorded = {key: extractor[key] for key in _RECORDED if key in extractor}
        settings = replace(_SETTINGS, selection=recorded_selection(extractor), **recorded)
        return cls(detector, landmarker, device, settings)

    def new_tracker(self) -> Tracker:
        """Tracker of one source: it remembers its faces.

        Raises:
            ConfigError: There is no such detector or landmarker.
            WeightsUnavailable: Weights could neither be found nor fetched.
        """
        chosen = {key: value for key, value in asdict(self.settings).items() if key in _TRACKER}
        return build_tracker(self.detector, self.landmarker, self.device, **chosen)

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
        tracker = self.networks.tracker
        assert tracker is not None
        names = (*tracker.detector.weights, *tracker.landmarker.weights)
        return {name: weights_entry(name).sha256 for name in names}

    def extract(
        self, hashed: HashedSource, directory: Path, on_frames: Callable[[int], None]
    ) -> Faceset:
        """Finds the faces of a video and stores where they are; resumes where it was interrupted.

        Args:
            hashed: Video.
            directory: Folder for the faceset.
            on_frames: Callback with the number of frames done since its last call.

        Raises:
            NoFacesError: There is none.
        """
        extract_source(
            hashed.source,
            directory,
            self._all_settings,
            hashed=hashed,
            device=self.device,
            networks=self.networks,
            on_frames=on_frames,
        )
        return Faceset.open(directory)

    def open(self, hashed: HashedSource, directory: Path) -> SourceExtraction:
        """The same search as ``extract``, for processes that divide it between them.

        Args:
            hashed: Video.
            directory: Folder for the faceset.
        """
        return SourceExtraction.open(hashed, directory, self._all_settings, networks=self.networks)

    @cached_property
    def networks(self) -> Networks:
        """Networks of the search."""
        return Networks.build(self._all_settings, self.device)

    @property
    def _all_settings(self) -> ExtractSettings:
        return replace(self.settings, detector=self.detector, landmarker=self.landmarker)

    def outside(self, frames: int) -> int:
        """Number of the frames of a video that are not searched.

        Args:
            frames: Number of all frames.
        """
        first, end = self.settings.first_frame or 0, self.settings.end_frame
        return frames - len(range(frames)[first:end])


def recorded_selection(extractor: Mapping[str, Any]) -> Selection:
    """The selection of an extraction; conditions that its version did not have select all."""
    recorded: dict[str, Any] = {
        field.name: tuple(value) if isinstance(value, list) else value
        for field in fields(Selection)
        if (value := extractor.get(field.name)) is not None
    }
    return Selection(**recorded)
