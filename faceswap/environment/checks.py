"""Judges the facts about a machine: what is well, what is not, and what to do about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from faceswap.environment.facts import Facts, Library

Level = Literal["ok", "warn", "fail"]
_GB = 1e9
_LITTLE_DISK, _TOO_LITTLE_DISK = 10 * _GB, 1 * _GB
_LITTLE_GPU = 4 * _GB
_PAIR = "Reinstall both at once from one index: pip install --force-reinstall torch torchvision"


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        subject: What was looked at.
        level: ``fail`` means that the main job cannot work here.
        found: What is there.
        remedy: What to do; empty when all is well.
    """

    subject: str
    level: Level
    found: str
    remedy: str = ""


def judge(facts: Facts) -> list[Finding]:
    """All findings, in the order of the report."""
    return [check(facts) for check in _CHECKS]


def check_python(facts: Facts) -> Finding:
    """Python 3.11 or newer."""
    version = ".".join(str(part) for part in facts.python)
    if facts.python < (3, 11):
        return Finding("Python", "fail", version, "Install Python 3.11 or newer.")
    return Finding("Python", "ok", version)


def check_torch(facts: Facts) -> Finding:
    """Torch can be imported."""
    if facts.torch.error:
        return Finding("torch", "fail", _short(facts.torch), "pip install torch torchvision")
    return Finding("torch", "ok", facts.torch.version)


def check_torchvision(facts: Facts) -> Finding:
    """Torchvision works and comes from torch's build; operators are missing otherwise."""
    torch, vision = facts.torch, facts.torchvision
    if vision.error:
        found = _short(vision)
        if "operator" in vision.error or "_C" in vision.error:
            found = (
                f"{vision.version} was built for another torch than {torch.version}: its compiled "
                f"operators do not load ({vision.error})"
            ).lstrip()
        return Finding("torchvision", "fail", found, _PAIR)
    builds = [library.version.partition("+")[2] for library in (torch, vision)]
    if all(builds) and builds[0] != builds[1]:
        found = f"{vision.version}, but torch is {torch.version}: two builds"
        return Finding("torchvision", "warn", found, _PAIR)
    return Finding("torchvision", "ok", f"{vision.version}, same build as torch")


def check_opencv(facts: Facts) -> Finding:
    """All OpenCV packages write into one folder, so they must be one version."""
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
            f"{names}: two versions in one folder, each overwrites the other's files",
            f"pip install --force-reinstall {wanted}",
        )
    return Finding("OpenCV", "ok", names or facts.opencv.version)


def check_gpu(facts: Facts) -> Finding:
    """A GPU that torch can use; without one everything works, slowly."""
    if facts.gpus:
        found = ", ".join(
            f"{gpu.name} ({gpu.free / _GB:.0f} of {gpu.memory / _GB:.0f} GB free)"
            for gpu in facts.gpus
        )
        if max(gpu.free for gpu in facts.gpus) < _LITTLE_GPU:
            return Finding("GPU", "warn", found, "Close what else uses it, or train 'small'.")
        return Finding("GPU", "ok", found)
    if facts.apple_gpu:
        return Finding("GPU", "ok", "Apple (mps)")
    if facts.driver_found and facts.torch_cuda is None:
        remedy = "This torch is a CPU build: install a CUDA build from pytorch.org."
        return Finding("GPU", "warn", "there is one, but torch cannot use it", remedy)
    if facts.driver_found:
        remedy = f"Update the driver to one that knows CUDA {facts.torch_cuda}; see nvidia-smi."
        return Finding("GPU", "warn", "the driver is there, but torch finds no GPU", remedy)
    remedy = "Fine for the demo and for 'small'; larger models need a GPU."
    return Finding("GPU", "warn", f"none; {facts.cores} CPU core(s) do the work", remedy)


def check_bf16(facts: Facts) -> Finding:
    """Half the memory and up to twice the speed where the hardware has it."""
    if facts.bf16:
        return Finding("bf16", "ok", "by hardware; used for training")
    return Finding("bf16", "ok", "not by hardware; training uses fp32, or fp16 on a GPU")


def check_encoders(facts: Facts) -> Finding:
    """Video cannot be written without libx264 and aac; the others are a choice."""
    if facts.av.error:
        return Finding("video", "fail", _short(facts.av), "pip install --force-reinstall av")
    works = [name for name, problem in facts.encoders.items() if not problem]
    broken = [f"{name} {problem}" for name, problem in facts.encoders.items() if problem]
    found = f"PyAV {facts.av.version}: {', '.join(works) or 'no encoder works'}"
    needed = [name for name in ("libx264", "aac") if name not in works]
    if needed:
        remedy = "pip install --force-reinstall --only-binary=av av"
        return Finding("video", "fail", f"{found}; {'; '.join(broken)}", remedy)
    absent = [name for name, problem in facts.encoders.items() if problem]
    return Finding("video", "ok", f"{found}; not here: {', '.join(absent)}" if absent else found)


def check_weights(facts: Facts) -> Finding:
    """The default nets are here, or can be fetched when first used."""
    missing = [name for name, path in facts.weights.items() if path is None]
    if not missing:
        return Finding("weights", "ok", f"all {len(facts.weights)} of the default nets are here")
    names = ", ".join(missing)
    copy = "Run 'faceswap weights fetch' on another machine and set FACESWAP_WEIGHTS to a copy."
    if facts.offline:
        return Finding("weights", "fail", f"not here, and FACESWAP_OFFLINE is set: {names}", copy)
    if not facts.index_reachable:
        return Finding("weights", "fail", f"not here, and pip cannot get them: {names}", copy)
    return Finding(
        "weights",
        "ok",
        f"{len(missing)} of {len(facts.weights)} not here yet; the package index has them",
        "Fetched when first used, or now: faceswap weights fetch",
    )


def check_disk(facts: Facts) -> Finding:
    """Facesets, checkpoints and video need room."""
    found = f"{facts.free_here / _GB:.0f} GB free here"
    if facts.free_here < _TOO_LITTLE_DISK:
        return Finding("disk", "fail", found, "Free some, or work in a folder on another disk.")
    if facts.free_here < _LITTLE_DISK:
        remedy = "Enough for the demo; an hour of footage takes about 10 GB."
        return Finding("disk", "warn", found, remedy)
    return Finding("disk", "ok", found)


def check_cache(facts: Facts) -> Finding:
    """Fetched weights are kept in the cache folder."""
    if facts.cache_error:
        remedy = "Set FACESWAP_CACHE to a folder that can be written."
        return Finding("cache", "fail", facts.cache_error, remedy)
    if facts.free_cache < _TOO_LITTLE_DISK / 10:
        remedy = "Free some, or set FACESWAP_CACHE to a folder on another disk."
        return Finding("cache", "warn", f"{facts.cache}: its disk is full", remedy)
    return Finding("cache", "ok", str(facts.cache))


def check_signing(facts: Facts) -> Finding:
    """Converted media are always signed, so an identity must be there or can be made."""
    status = facts.signing
    if status.problem:
        remedy = "Mend that, set FACESWAP_CONFIG to a folder that can be written, or give convert "
        return Finding("signing", "fail", status.problem, f"{remedy}--sign-cert and --sign-key.")
    if status.readable_by_others:
        found = f"the key {status.key} can be read by others"
        return Finding("signing", "warn", found, f"chmod 600 {status.key}")
    if status.expires is None:
        return Finding("signing", "ok", f"made on first use in {status.key.parent}")
    return Finding("signing", "ok", f"local identity, valid to {status.expires:%Y-%m-%d}")


_CHECKS: tuple[Callable[[Facts], Finding], ...] = (
    check_python,
    check_torch,
    check_torchvision,
    check_opencv,
    check_gpu,
    check_bf16,
    check_encoders,
    check_weights,
    check_disk,
    check_cache,
    check_signing,
)


def _short(library: Library) -> str:
    text = library.error.splitlines()[0]
    return text if len(text) <= 160 else text[:157] + "..."


def _version_key(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]
