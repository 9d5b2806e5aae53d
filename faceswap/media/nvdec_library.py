"""TorchCodec, the library that decodes with NVDEC, the video decoder of NVIDIA GPUs."""

import ctypes
import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from faceswap.core.optional import install_command

_INSTALL = install_command("nvdec")
_DRIVER = {"linux": "libnvcuvid.so.1", "win32": "nvcuvid.dll"}


class NvdecUnavailableError(Exception):
    """NVDEC cannot be used on this machine.

    Attributes:
        reason: Missing part.
        remedy: Command or action that supplies it.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason, self.remedy = reason, remedy


def load_torchcodec() -> ModuleType:
    """Imports TorchCodec.

    Raises:
        NvdecUnavailableError: It is not installed, or cannot load its libraries.
    """
    try:
        library = importlib.import_module("torchcodec")
    except ModuleNotFoundError as error:
        if error.name != "torchcodec":
            raise _broken(error) from error
        raise NvdecUnavailableError("TorchCodec is not installed", _INSTALL) from error
    except (ImportError, OSError, RuntimeError) as error:
        raise _broken(error) from error
    if not library.ffmpeg_major_version:
        raise _broken(RuntimeError("no FFmpeg libraries"))
    return library


def _broken(error: Exception) -> NvdecUnavailableError:
    import torch

    text = " ".join(str(error).split())[:120]
    return NvdecUnavailableError(
        f"TorchCodec cannot load FFmpeg's shared libraries, or does not fit torch"
        f" {torch.__version__} ({text})",
        "Install FFmpeg with shared libraries (Debian and Ubuntu: apt install ffmpeg), or"
        f" reinstall TorchCodec: {_INSTALL}",
    )


def check_nvdec(device: str) -> None:
    """Checks that videos can be decoded on a device.

    Args:
        device: ``cuda`` or ``cuda:N``; ``cpu`` for TorchCodec's decoder without NVDEC.

    Raises:
        NvdecUnavailableError: Something is missing.
    """
    import torch

    cuda = device.startswith("cuda")
    if cuda and not torch.cuda.is_available():
        raise NvdecUnavailableError("torch finds no NVIDIA GPU", "See the line GPU.")
    load_torchcodec()
    if cuda:
        _check_driver()


def _check_driver() -> None:
    name = _DRIVER.get(sys.platform, "")
    try:
        ctypes.CDLL(name)
    except OSError as error:
        raise NvdecUnavailableError(
            f"the video part of the NVIDIA driver ({name}) is missing",
            "Install it with the driver; start containers with NVIDIA_DRIVER_CAPABILITIES=all.",
        ) from error


def open_decoder(path: Path, stream: int, device: str) -> Any:
    """Opens a video with TorchCodec, which reads all packets first to know all frames.

    Args:
        path: Video file.
        stream: Index of its video stream.
        device: Device that decodes.

    Returns:
        A ``torchcodec.decoders.VideoDecoder`` that returns ``(N, H, W, 3) uint8`` RGB.

    Raises:
        RuntimeError: The file cannot be opened.
    """
    decoders = importlib.import_module("torchcodec.decoders")
    # A cached decoder may crop as the video before it, whose size differed by a few pixels.
    decoders.set_nvdec_cache_capacity(0)
    # The decoder that uses NVDEC directly, whatever FFmpeg was built with.
    with decoders.set_cuda_backend("nvdec"):
        # The prefix keeps a file name with a colon from being read as a network address.
        return decoders.VideoDecoder(
            f"file:{path}", stream_index=stream, dimension_order="NHWC", device=device
        )
