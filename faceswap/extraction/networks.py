"""Builds the networks of an extraction, which all sources share, and what finds faces in one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from faceswap.extraction.imported_faces import ImportedFaces
from faceswap.extraction.imported_tracker import ImportedTracker
from faceswap.extraction.settings import ExtractSettings
from faceswap.landmarkers import build_landmarker
from faceswap.maskers import Masker, build_maskers
from faceswap.media.sources import Source
from faceswap.tracking.finder import build_tracker
from faceswap.tracking.tracker import Tracker


@dataclass(frozen=True)
class Networks:
    """The networks of an extraction.

    Attributes:
        maskers: Maskers of the stored masks by name.
        tracker: Tracker that has seen nothing yet; None where faces are imported.
        device: Device of the networks.
    """

    maskers: Mapping[str, Masker]
    tracker: Tracker | None
    device: str

    @classmethod
    def build(
        cls, settings: ExtractSettings, device: str = "cpu", *, finds_faces: bool = True
    ) -> "Networks":
        """Builds the networks.

        Args:
            settings: Settings of the extraction.
            device: Device of the networks.
            finds_faces: Whether faces are found, and not imported.

        Raises:
            ConfigError: There is no such detector, landmarker or masker, or a masker lacks a
                network or is named twice.
            WeightsUnavailable: Weights could neither be found nor fetched.
        """
        maskers = build_maskers(settings.maskers, device, settings.mask_model)
        tracker = _build_tracker(settings, device) if finds_faces else None
        return cls(maskers, tracker, device)


def _build_tracker(settings: ExtractSettings, device: str) -> Tracker:
    return build_tracker(
        settings.detector,
        settings.landmarker,
        device,
        min_score=settings.min_score,
        min_size=settings.selection.min_size,
        tiles=settings.tiles,
        turned=settings.turned,
        step=settings.every,
        **_landmark_options(settings),
    )


def source_tracker(
    source: Source, settings: ExtractSettings, networks: Networks, imported: ImportedFaces | None
) -> Tracker | ImportedTracker:
    """The tracker of one source.

    Args:
        source: Source.
        settings: Settings of the extraction.
        networks: Networks of the extraction.
        imported: Faces that another program found; None to find them.
    """
    if imported is None:
        assert networks.tracker is not None
        return networks.tracker
    landmarker = None
    if imported.need_landmarker:
        landmarker = build_landmarker(
            settings.landmarker, networks.device, **_landmark_options(settings)
        )
    return ImportedTracker(
        imported, landmarker, source.kind, settings.every, settings.first_frame or 0
    )


def _landmark_options(settings: ExtractSettings) -> dict[str, Any]:
    return {"normalise": settings.normalise, "re_feed": settings.re_feed}
