"""Settings of an extraction."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from faceswap.core.errors import ConfigError
from faceswap.extraction.selection import Selection
from faceswap.landmarkers import Normalise
from faceswap.media.decoding import DecoderChoice
from faceswap.tracking.finder import DETECTOR, LANDMARKER
from faceswap.tracking.gaps import FILLED_GAP


@dataclass(frozen=True)
class ExtractSettings:
    """Settings that the faces of a faceset depend on.

    Attributes:
        detector: Name of the detector.
        landmarker: Name of the landmarker.
        maskers: Names of the maskers; the first makes the default mask.
        crop_size: Side of the stored crops in pixels.
        image_format: Format of the stored crops: "jpg" (quality 95), or lossless "png" or "webp";
            "none" stores none, for a faceset that only says where faces are.
        every: Step between processed frames; 1 processes all frames.
        selection: Conditions that a face has to meet to be stored.
        first_frame: Index of the first processed frame; None for the first one.
        end_frame: Index of the first frame that is not processed; None for none.
        mask_model: Run or model folder of the network of a masker; None if none has one.
        fill_gaps: Frames of the longest gap in a track that is filled; 0 fills none. Nothing after
            12 processed frames, when the tracker drops a lost face.
        normalise: Normalisation of the contrast around each face before landmarks are placed.
        re_feed: Number of regions of each face over which landmarks are averaged.
        min_score: Score in [0, 1] below which detections are dropped; None for the detector's own.
        tiles: Tiles along the longer side of a frame, "auto" or "off"; see ``tile_detector``.
        turned: When turned frames are searched; see ``TrackerSettings``.
        video_decoder: Decoder of videos; "auto" chooses, see ``choose_decoding``.
    """

    detector: str = DETECTOR
    landmarker: str = LANDMARKER
    maskers: tuple[str, ...] = ("hull",)
    crop_size: int = 384
    image_format: Literal["jpg", "png", "webp", "none"] = "jpg"
    every: int = 1
    selection: Selection = field(default_factory=Selection)
    first_frame: int | None = None
    end_frame: int | None = None
    mask_model: Path | None = None
    fill_gaps: int = FILLED_GAP
    normalise: Normalise = "none"
    re_feed: int = 1
    min_score: float | None = None
    tiles: str = "auto"
    turned: Literal["auto", "always", "never"] = "auto"
    video_decoder: DecoderChoice = "auto"

    def check_imported(self) -> None:
        """Checks that no setting is given that has no effect on imported faces.

        Raises:
            ConfigError: One is.
        """
        defaults = ExtractSettings()
        for name in ("detector", "min_score", "tiles", "turned", "fill_gaps"):
            if getattr(self, name) != getattr(defaults, name):
                option = f"--{name.replace('_', '-')}"
                raise ConfigError(
                    f"Expected no {option} with --import, found {getattr(self, name)}.",
                    f"Leave {option} out: it concerns faces that are found, not imported ones.",
                )
