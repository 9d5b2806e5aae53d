"""What ``faceset.json`` says about the source and the extraction of a faceset."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from faceswap.core.names import plain_name
from faceswap.core.text import readable_name
from faceswap.core.weights import weights_entry
from faceswap.extraction.imported_tracker import ImportedTracker
from faceswap.extraction.settings import ExtractSettings
from faceswap.geometry.alignment import HEAD_COVERAGE
from faceswap.maskers import Masker
from faceswap.media.hashed_source import HashedSource
from faceswap.media.sources import Source
from faceswap.media.video import probe
from faceswap.tracking.tracker import Tracker

_DEFAULTS = ExtractSettings()
_ADDED = ("fill_gaps", "normalise", "re_feed", "min_score", "tiles", "turned")


def extractor_record(
    source: Source,
    settings: ExtractSettings,
    tracker: Tracker | ImportedTracker,
    maskers: Mapping[str, Masker],
) -> dict[str, Any]:
    """Settings and weights that the faces of a source depend on, for ``faceset.json``."""
    if isinstance(tracker, ImportedTracker):
        finders, names = tracker.record(), tracker.weights
    else:
        finders, names = {}, (*tracker.detector.weights, *tracker.landmarker.weights)
    # A masker's network is identified by its hash, not by its path. Options that earlier versions
    # did not have are recorded where they are used, so that their facesets stay what they are.
    chosen = {
        key: value
        for key, value in asdict(settings).items()
        if key not in ("mask_model", "selection", "video_decoder")
        and (key not in _ADDED or value != getattr(_DEFAULTS, key))
    }
    facts = {key: value for masker in maskers.values() for key, value in masker.facts.items()}
    aspect = 1.0 if source.kind == "images" else probe(source.path).display_aspect
    return (
        chosen
        | finders
        | settings.selection.record()
        | facts
        | {"maskers": [*settings.maskers]}
        # Only where pixels are not square: those of earlier versions were taken as if they were.
        | ({} if aspect == 1 else {"pixel_aspect": aspect})
        | {
            "crop_coverage": HEAD_COVERAGE,
            "weights": {name: weights_entry(name).sha256 for name in names},
        }
    )


def source_record(hashed: HashedSource) -> dict[str, Any]:
    """The source of a faceset, for ``faceset.json``."""
    source = hashed.source
    record: dict[str, Any] = {
        "name": plain_name(source.name),
        "path": source.origin or readable_name(source.path),
        "kind": source.kind,
        "sha256": hashed.sha256,
    }
    if source.kind == "images":
        return record | {"files": [plain_name(file.name) for file in source.files]}
    info = probe(source.path)
    return record | {
        "width": info.width,
        "height": info.height,
        "fps": float(info.fps),
        "time_base": str(info.time_base),
    }
