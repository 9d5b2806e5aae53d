"""Turns the settings of a conversion into its parts."""

from faceswap.conversion.compositing import CompositeSettings
from faceswap.conversion.mask_edge import MaskEdge
from faceswap.conversion.pipeline import EncodeSettings
from faceswap.conversion.settings import ConvertConfig, EncodeConfig
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
    mask = config.mask
    settings = CompositeSettings(
        colour=config.colour.transfer,
        mask=mask.name,
        mask_model=mask.model,
        edge=MaskEdge(
            mask.erode,
            mask.erode_top,
            mask.erode_bottom,
            mask.erode_left,
            mask.erode_right,
            mask.feather,
        ),
        keep=mask.keep,
        predicted=mask.predicted,
    )
    return Swapper(loaded, to, settings)


def build_encoding(config: EncodeConfig) -> EncodeSettings:
    """Builds the encoding of converted videos and photos."""
    video = VideoEncoding(config.encoder, config.crf, config.preset, lossless=config.lossless)
    return EncodeSettings(video, config.quality)
