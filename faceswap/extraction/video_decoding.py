"""Chooses the decoder of a source, so that all frames of a faceset come from the same one."""

from pathlib import Path
from typing import Any

from faceswap.core.errors import FacesetError
from faceswap.facesets.record import read_record
from faceswap.facesets.subjects import is_faceset
from faceswap.media.decoding import PYAV, DecoderChoice, Decoding, choose_decoding
from faceswap.media.hashed_source import HashedSource

_KEY = "video_decoder"


def decoding_of(
    hashed: HashedSource, directory: Path, choice: DecoderChoice, device: str, *, overwrite: bool
) -> Decoding:
    """Chooses how a source is decoded.

    Args:
        hashed: Source.
        directory: Directory of the faceset; one that is resumed keeps its decoder.
        choice: Decoder to use; "auto" for the decoder of a resumed faceset, or else the fastest.
        device: Device of the networks.
        overwrite: Whether an existing faceset is replaced.

    Raises:
        FacesetError: The existing faceset was read with another decoder, or cannot be read.
        MediaError: The decoder to use cannot decode the source, or the source cannot be read.
    """
    source = hashed.source
    if source.kind == "images":
        return Decoding()
    earlier = None
    if not overwrite and is_faceset(directory):
        record = read_record(directory)
        if record["source"]["sha256"] == hashed.sha256:
            earlier = record["extractor"].get(_KEY, PYAV)
            if choice not in ("auto", earlier):
                raise FacesetError(
                    f"{directory} was extracted with --video-decoder {earlier}, not {choice}.",
                    "Choose another folder with -o, or replace it with --overwrite.",
                )
            if record["complete"]:
                return Decoding(earlier)
    return choose_decoding(source.path, device, choice, earlier)


def decoder_record(decoding: Decoding) -> dict[str, Any]:
    """Entry of ``faceset.json``; empty for PyAV, as in facesets of earlier versions."""
    return {} if decoding.decoder == PYAV else {_KEY: decoding.decoder}
