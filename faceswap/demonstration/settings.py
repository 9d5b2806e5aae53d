"""Settings of a demo, and the record of them in its folder."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from faceswap.core.documents import read_json
from faceswap.core.errors import ConfigError
from faceswap.core.files import write_json

_SETTINGS = "settings.json"


@dataclass(frozen=True)
class DemoSettings:
    """Settings of a demo.

    Attributes:
        minutes: Training budget in minutes, above 0.
        seed: Random seed of clips and training, at least 0.
        recipe: Training recipe, by name or path.
        frames: Number of frames of each clip.
        size: Side of the square clip frames in pixels.
        device: Device of the networks: auto, cpu, cuda or mps.
    """

    minutes: float
    seed: int = 0
    recipe: str = "small"
    frames: int = 300
    size: int = 480
    device: str = "auto"


def claim_demo(output: Path, settings: DemoSettings) -> None:
    """Record the settings in the folder, or compare them with the recorded ones.

    Raises:
        ConfigError: The folder holds a demo with other settings, or other files.
    """
    # More minutes continue the same demo; results do not depend on the device.
    fixed = {k: v for k, v in asdict(settings).items() if k not in ("minutes", "device")}
    path = output / _SETTINGS
    if not path.exists():
        if output.is_file() or _is_used(output):
            raise ConfigError(
                f"{output} exists and is not a demo folder.", "Choose another folder with -o."
            )
        write_json(path, fixed)
        return
    hint = "Choose another folder with -o, or delete this one."
    before: dict[str, Any] = read_json(path, dict[str, Any], error=ConfigError, hint=hint)
    changed = [f"{k}: {before.get(k)!r} -> {v!r}" for k, v in fixed.items() if before.get(k) != v]
    if changed:
        raise ConfigError(
            f"{output} holds a demo with other settings ({', '.join(changed)}).",
            hint,
        )


def _is_used(folder: Path) -> bool:
    # An interrupted start may leave hidden temporary files.
    return folder.is_dir() and any(child.name[0] != "." for child in folder.iterdir())
