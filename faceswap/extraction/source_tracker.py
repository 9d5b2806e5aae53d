"""Builds what finds the faces of a source: networks, or a file of another program's faces."""

from typing import Any

from faceswap.extraction.imported_faces import ImportedFaces
from faceswap.extraction.imported_tracker import ImportedTracker
from faceswap.extraction.settings import ExtractSettings
from faceswap.landmarkers import build_landmarker
from faceswap.media.sources import Source
from faceswap.tracking.finder import build_tracker
from faceswap.tracking.tracker import Tracker


def build_source_tracker(
    source: Source, settings: ExtractSettings, imported: ImportedFaces | None, device: str
) -> Tracker | ImportedTracker:
    """Builds the tracker of one source.

    Args:
        source: Source.
        settings: Settings of the extraction.
        imported: Faces that another program found; None to find them.
        device: Device of the networks.
    """
    options: dict[str, Any] = {"normalise": settings.normalise, "re_feed": settings.re_feed}
    if imported is None:
        return build_tracker(
            settings.detector,
            settings.landmarker,
            device,
            min_score=settings.min_score,
            min_size=settings.selection.min_size,
            tiles=settings.tiles,
            turned=settings.turned,
            step=settings.every,
            **options,
        )
    landmarker = None
    if imported.need_landmarker:
        landmarker = build_landmarker(settings.landmarker, device, **options)
    return ImportedTracker(
        imported, landmarker, source.kind, settings.every, settings.first_frame or 0
    )
