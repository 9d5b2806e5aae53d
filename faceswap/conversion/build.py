"""Turns the settings of a conversion into its parts."""

from collections.abc import Sequence
from dataclasses import fields
from functools import cache
from typing import Any

import torch

from faceswap.conversion.colour.match import ColourMatch
from faceswap.conversion.detail.chain import DetailChain, DetailSettings
from faceswap.conversion.detail.enhancers import enhancers
from faceswap.conversion.detail.skin import skin
from faceswap.conversion.masks.covering_hands import CoveringHands
from faceswap.conversion.masks.covering_objects import CoveringObjects
from faceswap.conversion.masks.edge import MaskEdge
from faceswap.conversion.masks.face_masks import FaceMasks, build_face_masks
from faceswap.conversion.output.encode_settings import EncodeSettings
from faceswap.conversion.settings import ConvertConfig, DetailConfig, EncodeConfig
from faceswap.conversion.swap.blending import blends
from faceswap.conversion.swap.parts import OccluderPart, SwapParts
from faceswap.conversion.swap.placement import Placement
from faceswap.conversion.swap.swapper import Swapper
from faceswap.maskers.hands import build_hand_finder
from faceswap.maskers.products import build_product
from faceswap.media.encoders import VideoEncoding
from faceswap.media.other_audio import OtherAudio
from faceswap.models.model_file import LoadedModel


class Networks:
    """Builds the networks of masks and occluders, each once for all swappers that share them."""

    def __init__(self) -> None:
        self.masker = cache(build_product)
        self.hands = cache(build_hand_finder)


def build_swapper(
    loaded: LoadedModel, config: ConvertConfig, to: str = "", networks: Networks | None = None
) -> Swapper:
    """Builds the swapper of a conversion.

    Args:
        loaded: Model, on the device to compute on.
        config: Settings.
        to: Target identity of faces that have none; "" leaves them as they are.
        networks: Networks that other swappers use as well; None to build them.

    Raises:
        IdentityError: The model was not trained on ``to``.
        ModelFileError: A guided model has no references of ``to``.
        ConfigError: A part is not registered, the network of the masker is missing, or a morph
            factor is set for a model without one.
        WeightsUnavailable: The weights of the networks for hands are not available.
    """
    mask, colour, networks = config.mask, config.colour, networks or Networks()
    device = next(loaded.model.parameters()).device
    masks = build_face_masks(
        mask.name,
        loaded.coverage,
        str(device),
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
        build=networks.masker,
    )
    occluders = build_occluders(mask.occluders, loaded.coverage, str(device), networks)
    parts = SwapParts(
        masks,
        ColourMatch(colour.transfer, border_light=colour.lit),
        detail=build_detail(config.detail, device),
        placement=Placement(config.detail.scale, config.detail.offset_x, config.detail.offset_y),
        clean=mask.clean,
        blend=blends.get(config.blend.method),
        occluders=occluders,
        smooth=colour.smooth,
        morph=config.decode.morph,
        facts=_facts(config, masks, occluders),
    )
    return Swapper(loaded, parts, to)


def build_occluders(
    which: str, coverage: float, device: str, networks: Networks
) -> list[OccluderPart]:
    """Builds the finders of what hides faces.

    Args:
        which: ``none``, ``hands``, or ``all``: hands and objects.
        coverage: Side of the model's crops in face squares.
        device: Device of the networks.
        networks: Networks of the finders.

    Raises:
        WeightsUnavailable: The weights of the networks for hands are not available.
    """
    occluders: list[OccluderPart] = []
    if which != "none":
        occluders.append(CoveringHands(networks.hands(device), coverage))
    if which == "all":
        occluders.append(CoveringObjects(coverage))
    return occluders


def build_detail(config: DetailConfig, device: torch.device | str = "cpu") -> DetailChain:
    """Builds the chain of detail.

    Raises:
        ConfigError: An enhancer is not registered.
    """
    settings = DetailSettings(
        **{step.name: getattr(config, step.name) for step in fields(DetailSettings)}
    )
    strengths = {skin.__name__: config.skin} | config.enhancers
    chosen = [enhancers.get(name)(strength) for name, strength in strengths.items() if strength]
    return DetailChain(settings, chosen, device)


def _facts(
    config: ConvertConfig, masks: FaceMasks, occluders: Sequence[OccluderPart]
) -> dict[str, Any]:
    """Settings for the manifest; networks are identified by their hashes, not by their paths."""
    excluded = {"encode": True, "faces": True, "mask": {"model"}}
    settings = config.model_dump(mode="json", exclude=excluded)
    settings["mask"] |= masks.masker.facts
    for occluder in occluders:
        settings["mask"] |= occluder.facts
    return settings


def build_encoding(config: EncodeConfig) -> EncodeSettings:
    """Builds the encoding of converted videos and photos.

    Raises:
        MediaError: The file with other audio has none.
    """
    audio = None if config.audio is None else OtherAudio.of(config.audio)
    video = VideoEncoding(
        config.encoder,
        config.crf,
        config.preset,
        pixel_format=config.pixel_format,
        lossless=config.lossless,
    )
    return EncodeSettings(
        video, config.quality, config.deinterlace, config.view, config.bits, audio
    )
