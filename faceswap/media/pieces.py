"""How the pieces of a file are encoded that are joined in the end."""

import io
from dataclasses import dataclass, replace
from pathlib import Path

import av

from faceswap.core.errors import MediaError
from faceswap.media.encoders import VideoEncoding, find_encoder
from faceswap.media.muxers import ANIMATIONS, MUXERS, find_muxer
from faceswap.media.output_format import check_format, encodes_alpha
from faceswap.media.pixel_layout import pixel_layout

_LOSSLESS = VideoEncoding("ffv1")


@dataclass(frozen=True)
class PieceFormat:
    """Format of pieces.

    Attributes:
        suffix: Suffix of their files.
        encoding: Encoding that suits the file that they are joined into.
    """

    suffix: str
    encoding: VideoEncoding


def piece_format(path: Path, encoding: VideoEncoding) -> PieceFormat:
    """The format of the pieces of a file.

    Animated pictures are made in one go from lossless pieces. Packets of other files are copied;
    where a container does not store the time stamps of each, the pieces are in one that does, and
    stores the packets in the same form.

    Args:
        path: File that the pieces become.
        encoding: Encoding of that file.

    Raises:
        MediaError: Video cannot be written in this format, or not by this encoder.
    """
    suffix = path.suffix.lower()
    if suffix in ANIMATIONS:
        if encoding.encoder is not None:
            raise MediaError(
                f"Animated pictures have one encoder only, found {encoding.encoder!r}.",
                "Omit --encoder, or write another format.",
            )
        return PieceFormat(".mkv", _LOSSLESS)
    muxer = find_muxer(path)
    name = encoding.name(muxer.encoder)
    if muxer.stamps == "any":
        return PieceFormat(suffix, encoding)
    with av.open(io.BytesIO(), "w", format=muxer.name) as output:
        find_encoder(name, output.supported_codecs)
    stored = av.Codec(name, "w").canonical_name
    options = dict(encoding.options)
    if muxer.stamps == "ticks":
        options["bf"] = "0"
    inner = ".ts" if stored in MUXERS[".ts"].codecs else ".mkv"
    return PieceFormat(inner, replace(encoding, encoder=name, options=options))


def holds_alpha(path: Path, encoding: VideoEncoding) -> bool:
    """Whether a file holds the transparency of pictures.

    Args:
        path: The file.
        encoding: Encoding of the file.

    Raises:
        MediaError: Video cannot be written in this format, or not in this pixel format.
    """
    if path.suffix.lower() in ANIMATIONS:
        return True
    muxer = find_muxer(path)
    name = encoding.name(muxer.encoder)
    if encoding.pixel_format is not None:
        check_format(name, encoding.pixel_format)
        if not pixel_layout(encoding.pixel_format).alpha:
            return False
    # VP9 has opacity in blocks beside those of the pictures, which other containers lack.
    return encodes_alpha(name) and (name != "libvpx-vp9" or muxer.name in ("webm", "matroska"))
