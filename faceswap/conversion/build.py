"""Turns the settings of a conversion into its parts."""

from typing import Any

from faceswap.conversion.blending import blends
from faceswap.conversion.colour_match import ColourMatch
from faceswap.conversion.mask_edge import MaskEdge
from faceswap.conversion.masks import FaceMasks, build_face_masks
from faceswap.conversion.pipeline import EncodeSettings
from faceswap.conversion.settings import ConvertConfig, EncodeConfig
from faceswap.conversion.swap_parts import SwapParts
from faceswap.conversion.swapper import Swapper
from faceswap.media.encoders import VideoEncoding
from faceswap.models.model_file import LoadedModel


def build_swapper(loaded: LoadedModel, to: str, config: ConvertConfig) -> Swapper:
    """Builds the swapper of a conversion.

    Args:
        loaded: Model, on the device to compute on.
        to: Identity to decode as.
        config: Settings.

    Raises:
        IdentityError: The model was not trained on ``to``.
        ModelFileError: A guided model has no references of ``to``.
        ConfigError: A part is not registered, or the network of the masker is missing.
    """
    mask, colour = config.mask, config.colour
    masks = build_face_masks(
        mask.name,
        loaded.coverage,
        str(next(loaded.model.parameters()).device),
        mask.model,
        MaskEdge(
            mask.erode,
            mask.erode_top,
            mask.erode_bottom,
            mask.erode_left,
            mask.erode_right,
            mask.feather,
        ),
        keep=mask.keep,
        use_predicted=mask.predicted,
    )
    parts = SwapParts(
        masks,
        ColourMatch(colour.transfer, border_light=colour.transfer != "none"),
        blend=blends.get(config.blend.method),
        smooth=colour.smooth,
        facts=_facts(config, masks),
    )
    return Swapper(loaded, parts, to)


def _facts(config: ConvertConfig, masks: FaceMasks) -> dict[str, Any]:
    """Settings for the manifest; a mask network is identified by its hash, not by its path."""
    settings = config.model_dump(mode="json", exclude={"encode": True, "mask": {"model"}})
    settings["mask"] |= masks.masker.facts
    return settings


def build_encoding(config: EncodeConfig) -> EncodeSettings:
    """Builds the encoding of converted videos and photos."""
    video = VideoEncoding(config.encoder, config.crf, config.preset, lossless=config.lossless)
    return EncodeSettings(video, config.quality)
