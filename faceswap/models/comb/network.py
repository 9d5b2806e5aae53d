"""The network of the family ``comb``, and how it grows."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from faceswap.core.errors import ConfigError
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.blocks import he_init
from faceswap.models.comb.levels import SLOPE, SMALLEST, CombDecoder, CombEncoder, level_channels
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
        self.register_load_state_dict_post_hook(_settle_as_loaded)

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
        if planned > self._position:
            self.grown.fill_(planned)
            self._settle(planned)

    def encode(self, faces: Tensor) -> Tensor:
        """Codes of faces ``(B, 3, S, S)`` of the current size, ``(B, code)``."""
        faces = faces.contiguous(memory_format=torch.channels_last)
        return self.inter(self.encoder(faces, self._level, self._fade()))

    def decode(self, codes: Tensor, number: int) -> Tensor:
        """Logits ``(B, 3 or 4, S, S)`` of codes decoded as one identity, of the current size."""
        return self.decoders[number](codes, self._level, self._fade())

    def _settle(self, position: int) -> None:
        self._position = position
        self._level = -(-position // _PARTS)
        self.input_size = self.output_size = self.detail = SMALLEST << self._level

    def _fade(self) -> Tensor | None:
        """Weight of the current level; a tensor, as a compiled model must not depend on it."""
        return self.grown % _PARTS / _PARTS if self._position % _PARTS else None


def _settle_as_loaded(model: nn.Module, _keys: object) -> None:
    assert isinstance(model, CombAutoencoder)
    model._settle(int(model.grown))


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
    if not 0 <= growth <= 1 or channels < 1 or code < 1:
        raise ConfigError(
            "Expected a growth from 0 to 1, and at least one channel and one element of the code "
            f"in the model 'comb', found growth={growth}, channels={channels}, code={code}.",
            "For example: --set model.options.growth=0.7",
        )
    first, last = ((side // SMALLEST).bit_length() - 1 for side in (start, size))
    widths = level_channels(last + 1, channels)
    narrow = nn.Sequential(nn.Flatten(), nn.Linear(widths[0] * SMALLEST**2, code))
    decoders = {name: CombDecoder(code, widths, 3 + mask) for name in identities}
    model = CombAutoencoder(CombEncoder(widths), narrow, decoders, first, last, growth)
    he_init(model, SLOPE)
    return model
