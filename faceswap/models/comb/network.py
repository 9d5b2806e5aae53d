"""The network of the family ``comb``, and how it grows."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from faceswap.core.errors import ConfigError
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.blocks import he_init
from faceswap.models.comb.levels import SLOPE, SMALLEST, CombDecoder, CombEncoder, level_channels
from faceswap.models.options import LARGEST_CODE, LARGEST_WIDTH, check_dense, check_range
from faceswap.models.registry import models

_PARTS = 1024  # of a level: a position is a whole number, which a moving average copies
_LARGEST = 1024


class CombAutoencoder(FaceAutoencoder):
    """Encodes and decodes faces at the size of its current level.

    Its position is part of its weights: 2.25 is level 2 with a quarter of level 3. Layers of later
    levels exist, but are not used.

    Args:
        encoder: Encoder of all levels.
        inter: Shared layers, ``(B, C, 4, 4) -> (B, code)``.
        decoders: Decoder of each identity.
        first: Level of the new model.
        last: Number of the last level.
        growth: Fraction of the training's budget at which the last level is reached.
    """

    grows = True
    grown: Tensor

    def __init__(
        self,
        encoder: CombEncoder,
        inter: nn.Module,
        decoders: Mapping[str, CombDecoder],
        first: int,
        last: int,
        growth: float,
    ) -> None:
        size = SMALLEST << last
        super().__init__(encoder, inter, decoders, size, size)
        self._first, self._last, self._growth = first, last, growth
        self.register_buffer("grown", torch.tensor(first * _PARTS))
        self._settle(first * _PARTS)

    def grow(self, fraction: float) -> None:
        """Grows to the position of a fraction of the training's budget; it never shrinks.

        Each level is trained by itself for a while, and then the next one is faded in as long.

        Args:
            fraction: Fraction of the budget that is used up, 0 to 1.
        """
        planned = self._last * _PARTS
        if fraction < self._growth:
            step, rest = divmod(fraction / self._growth * (self._last - self._first), 1)
            planned = round((self._first + step + max(0.0, 2 * rest - 1)) * _PARTS)
        # A longer budget on resuming makes the fraction smaller.
        self._reach(planned)

    def continue_from(self, other: FaceAutoencoder, parts: Collection[str]) -> None:
        """Continues from the level of another model of the family that more than the code is from.

        The layers of earlier levels were last trained before the later ones, and fit them no more.
        """
        if isinstance(other, CombAutoencoder) and any(name != "inter" for name in parts):
            self._reach(other._position)

    def encode(self, faces: Tensor) -> Tensor:
        """Codes of faces ``(B, 3, S, S)`` of the current size, ``(B, code)``."""
        faces = faces.contiguous(memory_format=torch.channels_last)
        return self.inter(self.encoder(faces, self._level, self._fade()))

    def decode(self, codes: Tensor, number: int) -> Tensor:
        """Logits ``(B, 3 or 4, S, S)`` of codes decoded as one identity, of the current size."""
        return self.decoders[number](codes, self._level, self._fade())

    def _reach(self, position: int) -> None:
        if position > self._position:
            self.grown.fill_(position)
            self._settle(position)

    def _settle(self, position: int) -> None:
        self._position = position  # of no use in ``forward``, which is compiled for such numbers
        self._level = -(-position // _PARTS)
        self._fades = position % _PARTS > 0
        self.input_size = self.output_size = self.detail = SMALLEST << self._level

    def _fade(self) -> Tensor | None:
        """Weight of the current level; a tensor, as a compiled model must not depend on it."""
        return self.grown % _PARTS / _PARTS if self._fades else None

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Tensor],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )
        if not 0 <= self.grown <= self._last * _PARTS:
            error_msgs.append(f"The level that was reached, {int(self.grown)}, is damaged.")
            self.grown.fill_(self._position)
        self._settle(int(self.grown))


@models.register
def comb(
    identities: Sequence[str],
    size: int = 1024,
    channels: int = 512,
    code: int = 512,
    start: int = SMALLEST,
    growth: float = 0.7,
    *,
    mask: bool = False,
) -> FaceAutoencoder:
    """Builds the model ``comb``: about 69 million parameters for two identities.

    Args:
        identities: Names of the identities, in the order of a training batch.
        size: Side of the faces of the last level in pixels, a power of two from 16 to 1024.
        channels: Largest number of channels.
        code: Number of elements of the code.
        start: Side of the faces that training starts with in pixels, a power of two.
        growth: Fraction of the budget at which the last level is reached, 0 to 1; at 0 it is
            trained from the start.
        mask: Whether the decoders also predict a face mask.

    Raises:
        ConfigError: A size is no such power of two, or another option is out of range.
    """
    for name, value, least in (("size", size, 16), ("start", start, SMALLEST)):
        most = _LARGEST if name == "size" else size
        if not least <= value <= most or value.bit_count() != 1:
            raise ConfigError(
                f"Expected a power of two from {least} to {most} as the {name} of the model "
                f"'comb', found {value}.",
                f"For example: --set model.options.{name}={min(most, 64)}",
            )
    check_range("comb", 0, 1, growth=growth)
    check_range("comb", 1, LARGEST_WIDTH, channels=channels)
    check_range("comb", 1, LARGEST_CODE, code=code)
    first, last = ((side // SMALLEST).bit_length() - 1 for side in (start, size))
    widths = level_channels(last + 1, channels)
    features = widths[0] * SMALLEST**2
    check_dense(features, code)
    narrow = nn.Sequential(nn.Flatten(), nn.Linear(features, code))
    decoders = {name: CombDecoder(code, widths, 3 + mask) for name in identities}
    model = CombAutoencoder(CombEncoder(widths), narrow, decoders, first, last, growth)
    he_init(model, SLOPE)
    return model
