"""Names of the previews of a run."""

import re
from pathlib import Path

_PREVIEW = re.compile(r"step-(\d{8,})\.jpg")


def preview_path(folder: Path, step: int) -> Path:
    """File of the preview of a step."""
    return folder / f"step-{step:08d}.jpg"


def find_previews(folder: Path, last_step: int) -> dict[int, Path]:
    """Previews in a folder by step, in order; later ones, of a start that was killed, are left out.

    Args:
        folder: Folder of the previews.
        last_step: Number of finished steps.
    """
    if not folder.is_dir():
        return {}
    matches = {path: _PREVIEW.fullmatch(path.name) for path in folder.iterdir()}
    found = {int(match[1]): path for path, match in matches.items() if match}
    return {step: found[step] for step in sorted(found) if step <= last_step}
