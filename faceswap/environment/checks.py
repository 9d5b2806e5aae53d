"""Environment checks: what works on this machine, what does not, and how to fix it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from faceswap.core.text import counted
from faceswap.environment.facts import Facts, Library

Level = Literal["ok", "warn", "fail"]
_GB = 1e9
_LOW_DISK, _MINIMUM_DISK = 10 * _GB, 1 * _GB
_LOW_GPU_MEMORY = 4 * _GB
_REINSTALL_TORCH = (
    "Reinstall both at once from one index: pip install --force-reinstall torch torchvision"
)


@dataclass(frozen=True)
class Finding:
    """Result of one environment check.

    Attributes:
        subject: Component that was checked.
        level: ``ok``, ``warn`` (works with restrictions) or ``fail`` (the main commands do not
            work here).
        found: Version or state that was found.
        remedy: Command or action that fixes the problem; may be empty for ``ok``.
    """

    subject: str
    level: Level
    found: str
    remedy: str = ""


def run_checks(facts: Facts) -> list[Finding]:
    """Run all checks, in the order of the report."""
    return [check(facts) for check in _CHECKS]


def check_python(facts: Facts) -> Finding:
    """Check for Python 3.11 or newer."""
    version = ".".join(str(part) for part in facts.python)
    if facts.python < (3, 11):
        return Finding("Python", "fail", version, "Install Python 3.11 or newer.")
    return Finding("Python", "ok", version)


def check_torch(facts: Facts) -> Finding:
    """Check that torch can be imported."""
    if facts.torch.error:
        return Finding("torch", "fail", _short(facts.torch), "pip install torch torchvision")
    return Finding("torch", "ok", facts.torch.version)


def check_torchvision(facts: Facts) -> Finding:
    """Check that torchvision loads and was built for the installed torch."""
    torch, vision = facts.torch, facts.torchvision
    if vision.error:
        found = _short(vision)
        if "operator" in vision.error or "_C" in vision.error:
            found = (
                f"{vision.version} was built for another torch than {torch.version}: its compiled "
                f"operators do not load ({vision.error})"
            ).lstrip()
        return Finding("torchvision", "fail", found, _REINSTALL_TORCH)
    builds = [library.version.partition("+")[2] for library in (torch, vision)]
    if all(builds) and builds[0] != builds[1]:
        found = f"{vision.version}, but torch is {torch.version}: different builds"
        return Finding("torchvision", "warn", found, _REINSTALL_TORCH)
    return Finding("torchvision", "ok", f"{vision.version}, same build as torch")


def check_opencv(facts: Facts) -> Finding:
    """Check that all OpenCV distributions have one version: they share the folder ``cv2/``."""
    builds = facts.opencv_builds
    names = ", ".join(f"{name} {version}" for name, version in builds.items())
    if facts.opencv.error:
        return Finding(
            "OpenCV",
            "fail",
            _short(facts.opencv),
            "pip install --force-reinstall opencv-python opencv-python-headless",
        )
    if len(set(builds.values())) > 1:
        newest = max(builds.values(), key=_version_key)
        wanted = " ".join(f"{name}=={newest}" for name in builds)
        return Finding(
            "OpenCV",
            "warn",
            f"{names}: different versions overwrite each other's files in cv2/",
            f"pip install --force-reinstall {wanted}",
        )
    return Finding("OpenCV", "ok", names or facts.opencv.version)


def check_gpu(facts: Facts) -> Finding:
    """Check for a GPU that torch can use; everything also works without one, but slowly."""
    if facts.gpus:
        found = ", ".join(
            f"{gpu.name} ({gpu.free / _GB:.0f} of {gpu.memory / _GB:.0f} GB free)"
            for gpu in facts.gpus
        )
        if max(gpu.free for gpu in facts.gpus) < _LOW_GPU_MEMORY:
            return Finding(
                "GPU", "warn", found, "Stop other programs on the GPU, or train 'small'."
            )
        return Finding("GPU", "ok", found)
    if facts.apple_gpu:
        return Finding("GPU", "ok", "Apple (mps)")
    if facts.driver_found and facts.torch_cuda is None:
        remedy = "torch is a CPU build: install a CUDA build from pytorch.org."
        return Finding("GPU", "warn", "NVIDIA driver found, but torch cannot use it", remedy)
    if facts.driver_found:
        remedy = f"Update the driver to one that supports CUDA {facts.torch_cuda} (see nvidia-smi)."
        return Finding("GPU", "warn", "NVIDIA driver found, but torch finds no GPU", remedy)
    remedy = "Sufficient for the demo and for 'small'; larger models need a GPU."
    return Finding("GPU", "warn", f"none; {counted(facts.cores, 'CPU core')}", remedy)


def check_bf16(facts: Facts) -> Finding:
    """Report whether training can use bf16: half the memory and up to twice the speed."""
    if facts.bf16:
        return Finding("bf16", "ok", "faster than fp32 here; used for training")
    return Finding("bf16", "ok", "not faster than fp32 here; training uses fp32, or fp16 on a GPU")


def check_encoders(facts: Facts) -> Finding:
    """Check the encoders: libx264 and aac are required, the others optional."""
    if facts.av.error:
        return Finding("video", "fail", _short(facts.av), "pip install --force-reinstall av")
    works = [name for name, problem in facts.encoders.items() if not problem]
    broken = [f"{name} {problem}" for name, problem in facts.encoders.items() if problem]
    found = f"PyAV {facts.av.version}: {', '.join(works) or 'no working encoder'}"
    needed = [name for name in ("libx264", "aac") if name not in works]
    if needed:
        remedy = "pip install --force-reinstall --only-binary=av av"
        return Finding("video", "fail", f"{found}; {'; '.join(broken)}", remedy)
    absent = [name for name, problem in facts.encoders.items() if problem]
    return Finding("video", "ok", f"{found}; unavailable: {', '.join(absent)}" if absent else found)


def check_nvdec(facts: Facts) -> Finding:
    """Report whether extraction can decode with NVDEC; PyAV decodes everything otherwise."""
    library = facts.nvdec
    if not library.error:
        return Finding("NVDEC", "ok", f"TorchCodec {library.version}")
    found = f"PyAV decodes: {_short(library)}"
    if not facts.gpus:
        return Finding("NVDEC", "ok", found)
    return Finding("NVDEC", "warn" if library.version else "ok", found, facts.nvdec_remedy)


def check_weights(facts: Facts) -> Finding:
    """Check that the weights of the default models are here or can be downloaded."""
    missing = [name for name, path in facts.weights.items() if path is None]
    if not missing:
        return Finding(
            "weights", "ok", f"all {len(facts.weights)} files of the default models are here"
        )
    names = ", ".join(missing)
    copy = "Run 'faceswap weights fetch' on another machine; set FACESWAP_WEIGHTS to a copy."
    if facts.offline:
        return Finding("weights", "fail", f"missing, and FACESWAP_OFFLINE is set: {names}", copy)
    if not facts.index_reachable:
        return Finding("weights", "fail", f"missing, and pip cannot download them: {names}", copy)
    return Finding(
        "weights",
        "ok",
        f"{len(missing)} of {len(facts.weights)} not downloaded yet",
        "Downloaded on first use, or now: faceswap weights fetch",
    )


def check_disk(facts: Facts) -> Finding:
    """Check the free disk space for facesets, checkpoints and video."""
    found = f"{facts.free_here / _GB:.0f} GB free here"
    if facts.free_here < _MINIMUM_DISK:
        return Finding(
            "disk", "fail", found, "Free disk space, or work in a folder on another disk."
        )
    if facts.free_here < _LOW_DISK:
        remedy = "Sufficient for the demo; an hour of footage takes about 10 GB."
        return Finding("disk", "warn", found, remedy)
    return Finding("disk", "ok", found)


def check_cache(facts: Facts) -> Finding:
    """Check that the cache folder for downloaded weights is writable."""
    if facts.cache_error:
        remedy = "Set FACESWAP_CACHE to a writable folder."
        return Finding("cache", "fail", facts.cache_error, remedy)
    if facts.free_cache < _MINIMUM_DISK / 10:
        remedy = "Free disk space, or set FACESWAP_CACHE to a folder on another disk."
        return Finding("cache", "warn", f"{facts.cache}: the disk is full", remedy)
    return Finding("cache", "ok", str(facts.cache))


def check_signing(facts: Facts) -> Finding:
    """Check for a signing key: converted media are always signed."""
    status = facts.signing
    if status.problem:
        remedy = (
            "Fix this, set FACESWAP_CONFIG to a writable folder, or pass --sign-cert and "
            "--sign-key to convert."
        )
        return Finding("signing", "fail", status.problem, remedy)
    if status.readable_by_others:
        found = f"the key {status.key} is readable by other users"
        return Finding("signing", "warn", found, f"chmod 600 {status.key}")
    if status.expires is None:
        return Finding("signing", "ok", f"created on first use in {status.key.parent}")
    return Finding("signing", "ok", f"local identity, valid to {status.expires:%Y-%m-%d}")


_CHECKS: tuple[Callable[[Facts], Finding], ...] = (
    check_python,
    check_torch,
    check_torchvision,
    check_opencv,
    check_gpu,
    check_bf16,
    check_encoders,
    check_nvdec,
    check_weights,
    check_disk,
    check_cache,
    check_signing,
)


def _short(library: Library) -> str:
    text = library.error.splitlines()[0]
    return text if len(text) <= 160 else text[:157] + "..."


def _version_key(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdecimal()]
