"""What a demo depends on, and the folder that is claimed for it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from faceswap.core.config import load_config
from faceswap.core.errors import ConfigError
from faceswap.core.files import read_json, write_json
from faceswap.training.settings import TrainConfig

_SETTINGS = "settings.json"


@dataclass(frozen=True)
class DemoSettings:
    """What a demo depends on.

    Attributes:
        minutes: Training budget.
        seed: Decides about everything that is random.
        recipe: Training recipe, by name or path.
        frames: Length of each clip.
        size: Side of the clips' frames in pixels.
        device: Where to compute: auto, cpu, cuda or mps.
    """

    minutes: float
    seed: int = 0
    recipe: str = "small"
    frames: int = 300
    size: int = 480
    device: str = "auto"


def train_config(settings: DemoSettings, overrides: Sequence[str]) -> TrainConfig:
    """The training's settings: the recipe, with the demo's seed, budget and device.

    Raises:
        ConfigError: The recipe or an override is unknown or ill-typed.
    """
    given = [
        f"seed={settings.seed}",
        "training.steps=null",
        f"training.minutes={float(settings.minutes)}",
        f"training.device={settings.device}",
        *overrides,
    ]
    return load_config(TrainConfig, "faceswap", settings.recipe, given)


def claim_folder(output: Path, settings: DemoSettings) -> None:
    """Notes the settings in the folder; a demo of other clips or another network does not mix in.

    Raises:
        ConfigError: The folder holds a demo with other settings, or something else.
    """
    # Minutes may grow, and the device has no say in what comes out.
    fixed = {k: v for k, v in asdict(settings).items() if k not in ("minutes", "device")}
    path = output / _SETTINGS
    if not path.exists():
        if output.is_file() or _is_used(output):
            raise ConfigError(
                f"{output} exists and holds something else than a demo.", "Choose another -o."
            )
        write_json(path, fixed)
        return
    before: dict[str, Any] = read_json(path)
    changed = [f"{k}: {before.get(k)!r} -> {v!r}" for k, v in fixed.items() if before.get(k) != v]
    if changed:
        raise ConfigError(
            f"{output} holds a demo with other settings ({', '.join(changed)}).",
            "Choose another -o, or delete that folder.",
        )


def _is_used(folder: Path) -> bool:
    # Hidden files are what a start that was killed at once leaves.
    return folder.is_dir() and any(child.name[0] != "." for child in folder.iterdir())
