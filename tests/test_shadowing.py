"""A verb that runs as a script has its own folder first on sys.path.

A file or folder there that has the name of a module of the standard library or of a dependency
would be imported in its place, by torch and everything else.
"""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OWN = {"faceswap", "classifier"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def dependencies() -> set[str]:
    """All distributions that ours needs, directly or not, as far as installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [name for group in project["optional-dependencies"].values() for name in group]
    waiting = [*project["dependencies"], *extras]
    found: set[str] = set()
    while waiting:
        match = re.match(r"[\w.-]+", waiting.pop())
        assert match
        name = normal(match[0])
        if name in found:
            continue
        try:
            waiting += importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        found.add(name)
    return found


def foreign_modules() -> set[str]:
    needed = dependencies()
    modules = {
        module
        for module, owners in importlib.metadata.packages_distributions().items()
        if needed & {normal(owner) for owner in owners}
    }
    return (modules | set(sys.stdlib_module_names)) - OWN


def test_the_foreign_names_are_found() -> None:
    assert {"torch", "cv2", "yaml", "inspect", "queue", "sympy"} <= foreign_modules()


@pytest.mark.parametrize("package", sorted(OWN))
def test_no_module_shadows_another(package: str) -> None:
    # Folders count as much as files: either is imported by its name.
    found = (ROOT / package).iterdir()
    names = {path.stem for path in found if path.suffix == ".py" or path.is_dir()}
    assert not names & foreign_modules()


@pytest.mark.parametrize("package", sorted(OWN))
def test_torch_can_be_imported_from_there(package: str) -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT / package)!r}); import torch, accelerate"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
