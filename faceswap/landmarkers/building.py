"""Builds a landmarker with its options."""

from typing import Any, Literal

from faceswap.core.errors import ConfigError
from faceswap.landmarkers.averaging import AveragingLandmarker
from faceswap.landmarkers.normalising import NORMALISATIONS, NormalisingLandmarker
from faceswap.landmarkers.registry import Landmarker, landmarkers

Normalise = Literal["none", "clahe", "histogram"]
"""Names of the normalisations of contrast before landmarks are placed."""


def build_landmarker(
    name: str = "facemesh",
    device: str = "cpu",
    *,
    normalise: Normalise = "none",
    re_feed: int = 1,
    **options: Any,
) -> Landmarker:
    """Builds a landmarker with its weights.

    Args:
        name: Name in the registry.
        device: Device of the network.
        normalise: Normalisation of the contrast around each face.
        re_feed: Number of slightly different regions of each face over which landmarks are
            averaged; 1 uses the face's region only.
        **options: Options of that landmarker, such as ``weights``, a file to load.

    Raises:
        ConfigError: There is no such landmarker or normalisation.
        WeightsUnavailable: The weights are not on this machine and cannot be downloaded.
    """
    if normalise not in ("none", *NORMALISATIONS) or re_feed < 1:
        raise ConfigError(
            f"Expected a normalisation none, {', '.join(NORMALISATIONS)} and at least one region, "
            f"found {normalise!r} and {re_feed}.",
            "Choose another --normalise or --re-feed.",
        )
    landmarker = landmarkers.get(name)(device=device, **options)
    if re_feed > 1:
        landmarker = AveragingLandmarker(landmarker, re_feed)
    return landmarker if normalise == "none" else NormalisingLandmarker(landmarker, normalise)
