"""Chooses the decoder of a video: PyAV, or NVDEC where a GPU is used and the result is the same."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from faceswap.core.errors import MediaError
from faceswap.media.nvdec_check import NotForNvdecError, check_video
from faceswap.media.nvdec_library import NvdecUnavailableError, check_nvdec
from faceswap.media.nvdec_video import NvdecVideo

DecoderName = Literal["pyav", "nvdec"]
DecoderChoice = Literal["auto", "pyav", "nvdec"]
PYAV, NVDEC = get_args(DecoderName)


@dataclass(frozen=True)
class Decoding:
    """How a source is decoded.

    Attributes:
        decoder: Name of the decoder.
        note: Line about the choice; "" where there was none.
        video: Video that NVDEC decodes; None for PyAV, and for a source that is not read.
    """

    decoder: DecoderName = PYAV
    note: str = ""
    video: NvdecVideo | None = None


def choose_decoding(
    path: Path, device: str, choice: DecoderChoice = "auto", earlier: DecoderName | None = None
) -> Decoding:
    """Chooses the decoder of a video.

    Args:
        path: Video file.
        device: Device of the networks; only on a CUDA device NVDEC is considered.
        choice: Decoder to use; "auto" uses NVDEC if it is there and decodes the video like PyAV.
        earlier: Decoder of the frames that were read before, for a source that is continued.

    Raises:
        MediaError: NVDEC is to be used, by name or because it was used before, and cannot be; or
            the video cannot be read.
    """
    wanted = earlier if choice == "auto" else choice
    if wanted is None and not device.startswith("cuda"):
        return Decoding()
    if wanted == PYAV:
        why = "as the frames before" if choice == "auto" else "--video-decoder"
        return Decoding(note=f"decoded with PyAV ({why})" if device.startswith("cuda") else "")
    try:
        if not device.startswith("cuda"):
            raise NvdecUnavailableError(f"the device is {device}", "Use --device cuda.")
        return decode_with_torchcodec(path, device)
    except (NvdecUnavailableError, NotForNvdecError) as error:
        if wanted is None:
            doctor = " (faceswap doctor)" if isinstance(error, NvdecUnavailableError) else ""
            return Decoding(note=f"decoded with PyAV, not with NVDEC: {error}{doctor}")
        begun = "The extraction was begun with NVDEC, which" if earlier else "NVDEC"
        raise MediaError(
            f"{begun} cannot decode {path} here: {error}.",
            "Resume where it can, or extract again with --video-decoder pyav --overwrite."
            if earlier
            else "Leave --video-decoder out to use PyAV where NVDEC cannot be used.",
        ) from error


def decode_with_torchcodec(path: Path, device: str) -> Decoding:
    """Decoding of a video with TorchCodec: with NVDEC on a CUDA device.

    Raises:
        NvdecUnavailableError: TorchCodec, FFmpeg's libraries, the GPU or its driver is missing.
        NotForNvdecError: The result would not be that of PyAV.
        MediaError: The video cannot be read.
    """
    check_nvdec(device)
    video, difference = check_video(path, device)
    return Decoding(
        NVDEC, f"decoded with NVDEC (colours differ from PyAV's by {difference:.1f} of 255)", video
    )
