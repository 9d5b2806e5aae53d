"""Models whose encoder, inter and decoders are options."""

from collections.abc import Sequence

from torch import nn

from faceswap.core.errors import ConfigError
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.blocks import Bottleneck, compact_init
from faceswap.models.convolution import Conv2d
from faceswap.models.encoders import BuiltEncoder, build_encoder, initialise_encoder
from faceswap.models.modular.decoders import decoders as known_decoders
from faceswap.models.options import LARGEST_CODE, LARGEST_WIDTH, check_range
from faceswap.models.registry import models
from faceswap.models.saehd.network import Liae
from faceswap.models.small import smooth_heads

_INTERS = ("dense", "split", "pool", "none")
_SMALLEST_GRID, _LARGEST_GRID = 4, 15  # of dense layers, whose size is that of the grid squared
_SMALLEST_SIZE = 16
_OUTPUTS = range(32, 1025, 16)


@models.register
def modular(
    identities: Sequence[str],
    encoder: str = "small",
    inter: str = "dense",
    decoder: str = "residual",
    size: int = 128,
    output: int = 128,
    code: int = 512,
    width: int = 512,
    scale: float = 1.0,
    first: float = 1.0,
    *,
    pretrained: bool = False,
    mask: bool = False,
) -> FaceAutoencoder:
    """Builds a model of any encoder, inter and decoder.

    Args:
        identities: Names of the identities, in the order of a training batch.
        encoder: Name of the encoder, see ``models.encoders``.
        inter: ``dense`` (one for all), ``split`` (as in ``liae``), ``pool`` (dense, without
            places) or ``none``.
        decoder: ``subpixel``, ``residual``, ``compact`` or ``resize``.
        size: Side of the encoded faces in pixels, 16 to 1024.
        output: Side of the decoded faces in pixels, a multiple of 16 from 32 to 1024.
        code: Number of elements of the code between the dense layers.
        width: Number of channels that a decoder begins with.
        scale: Factor on the channels of an encoder of this package.
        first: Factor on the channels of the first identity's decoder.
        pretrained: Whether training starts with the published weights of the encoder.
        mask: Whether the decoders also predict a face mask.

    Raises:
        ConfigError: There is no such part, parts do not fit each other, or a number is out of
            range.
        MissingExtraError: timm is not installed.
    """
    check_range("modular", _SMALLEST_SIZE, _OUTPUTS.stop - 1, size=size)
    check_range("modular", 1, LARGEST_CODE, code=code)
    check_range("modular", 1, LARGEST_WIDTH, width=width)
    _check(inter, output, first)
    build_decoder = known_decoders.get(decoder)
    built = build_encoder(encoder, size, scale, pretrained=pretrained)
    grid = built.side if inter == "none" else _dense_grid(output)
    inputs = 2 * width if inter == "split" else width

    def decode(factor: float) -> nn.Module:
        return build_decoder([inputs, *_widths(grid, output, width * factor)], 3 + mask)

    if inter == "split":
        shared, *own = [_dense(built, code, width, grid) for _ in identities]
        inters = dict(zip(identities[1:], own, strict=True))
        model = Liae(built.module, shared, inters, decode(1.0), identities, size, output)
    else:
        layers = _inter(inter, built, code, width, grid)
        factors = [first, *[1.0] * (len(identities) - 1)]
        decoders = {name: decode(by) for name, by in zip(identities, factors, strict=True)}
        model = FaceAutoencoder(built.module, layers, decoders, size, output)
    for name, part in model.parts().items():
        if name == "encoder":
            initialise_encoder(part)
        else:
            compact_init(part)
            smooth_heads(part)
    return model


def _check(inter: str, output: int, first: float) -> None:
    if inter not in _INTERS:
        raise ConfigError(
            f"Unknown inter {inter!r} of the model 'modular'.", f"Use one of {', '.join(_INTERS)}."
        )
    if output not in _OUTPUTS:
        raise ConfigError(
            "Expected a multiple of 16 from 32 to 1024 as the output size of the model 'modular', "
            f"found {output}.",
            f"Use --set model.options.output={min(1024, max(32, round(output / 16) * 16))}.",
        )
    if not 0.1 <= first <= 8 or (inter == "split" and first != 1):
        raise ConfigError(
            "Expected a factor from 0.1 to 8 on the channels of the first decoder, and 1 where all "
            f"identities have the same (inter=split), found first={first}.",
            "Use --set model.options.first=1.0.",
        )


def _grid(output: int) -> int:
    """Side of the features that decoders begin with."""
    while output % 2 == 0 and output // 2 >= _SMALLEST_GRID:
        output //= 2
    return output


def _dense_grid(output: int) -> int:
    """Side of the features that dense layers give, for a decoder of ``output`` pixels."""
    if (grid := _grid(output)) <= _LARGEST_GRID:
        return grid
    fitting = [side for side in _OUTPUTS if _grid(side) <= _LARGEST_GRID]
    nearest = min(fitting, key=lambda side: abs(side - output))
    raise ConfigError(
        f"Expected an output of the model 'modular' that halves to at most {_LARGEST_GRID} pixels, "
        f"found {output}, which halves to {grid}.",
        f"Use --set model.options.output={nearest}.",
    )


def _widths(grid: int, output: int, width: float) -> list[int]:
    """Number of channels after each doubling of the size; an eighth of the most after the last."""
    doublings = (output // grid).bit_length() - 1
    if doublings < 2 or grid << doublings != output:
        raise ConfigError(
            f"Expected an output of {grid} pixels times 4, 8, 16 or another power of two, which is "
            f"the side of the encoder's features with inter=none, found {output}.",
            f"{_fitting_output(grid)}another inter.",
        )
    last = width / 8
    return [round(max(1, min(width, last * 2**left))) for left in reversed(range(doublings))]


def _fitting_output(grid: int) -> str:
    """Hint of an output size for features of an encoder; "Use " without any."""
    fitting = [side for side in (grid << by for by in (4, 3, 2)) if side in _OUTPUTS]
    return f"Use --set model.options.output={fitting[0]}, or " if fitting else "Use "


def _inter(kind: str, built: BuiltEncoder, code: int, width: int, grid: int) -> nn.Module:
    """Layers from the features of the encoder to ``(B, width, grid, grid)``."""
    if kind == "none":
        return Conv2d(built.channels, width, 1)
    if kind == "pool":
        dense = Bottleneck(built.channels, 1, code, width, grid)
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), dense)
    return _dense(built, code, width, grid)


def _dense(built: BuiltEncoder, code: int, width: int, grid: int) -> nn.Module:
    return Bottleneck(built.channels, built.side, code, width, grid)
