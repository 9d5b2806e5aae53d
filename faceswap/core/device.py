"""Devices and what they support."""

import torch

from faceswap.core.errors import ConfigError

DEVICES = ("auto", "cpu", "cuda", "mps")


def _available(kind: str) -> bool:
    if kind == "cuda":
        return torch.cuda.is_available()
    if kind == "mps":
        return torch.backends.mps.is_available()
    return True


def pick_device(name: str = "auto") -> torch.device:
    """The named device; ``auto`` is the fastest available.

    Args:
        name: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises:
        ConfigError: The name is unknown, or this machine has no such device.
    """
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if _available(kind)))
    kind, colon, index = name.partition(":")
    if kind not in DEVICES[1:] or (colon and not index.isdecimal()):
        raise ConfigError(
            f"Unknown device {name!r}.", f"Use one of {', '.join(DEVICES)} or cuda:N."
        )
    if not _available(kind):
        raise ConfigError(
            f"Expected the device {name!r}, but torch {torch.__version__} finds none.",
            "Use --device auto, or run 'faceswap doctor'.",
        )
    if kind == "cuda" and index and int(index) >= torch.cuda.device_count():
        raise ConfigError(
            f"There is no {name}: this machine has {torch.cuda.device_count()} GPU(s).",
            "GPUs are counted from 0.",
        )
    return torch.device(name)


def supports_bf16(device: torch.device) -> bool:
    """Whether the hardware there computes in bf16, and faster than in fp32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        has = torch.cpu.get_capabilities()
        # Intel's vector instructions multiply bf16 at half the rate of fp32; only its matrix
        # instructions (AMX), which virtual machines often hide, are faster. The rule, rather than
        # a measurement, gives the same precision at each start.
        vectors = has.get("avx512_bf16") and not str(has.get("cpu_name")).startswith("Intel")
        return bool(has.get("amx_bf16") or vectors)
    return False
