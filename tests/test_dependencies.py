"""Third-party libraries are declared, and used where they may be."""

import ast
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Libraries with a single module per package, so that replacing one costs one file.
BEHIND_ONE_MODULE = {
    "albumentations": {"faceswap/data/augmentation.py", "classifier/data/augmentation.py"},
    "torch.utils.tensorboard": {"faceswap/core/tensorboard_log.py"},
}
# Where the import name differs from the name of the distribution.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "c2pa": "c2pa-python",
    "cv2": "opencv-python",
    "face_alignment": "face-alignment",
    "skimage": "scikit-image",
    "yaml": "pyyaml",
}
# Installed by others on purpose, or not imported under that name.
TRANSITIVE = {"huggingface_hub": "accelerate", "pydantic_core": "pydantic", "click": "typer"}
# fsspec imports s3fs; pip runs as a program.
NOT_IMPORTED = {"face-alignment", "opencv-python-headless", "pip", "s3fs"}
SOURCES = [
    path for package in ("faceswap", "classifier") for path in (ROOT / package).rglob("*.py")
]


def imported(path: Path) -> Iterator[str]:
    """Modules that a file imports, directly or through ``require``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in {"require", "import_module"}:
                yield str(node.args[0].value)


def normalised(requirement: str) -> str:
    match = re.match(r"[\w.-]+", requirement)
    assert match
    return re.sub(r"[-_.]+", "-", match[0]).lower()


BASE = {normalised(requirement) for requirement in PROJECT["dependencies"]}
EXTRAS = {
    normalised(requirement)
    for extra, requirements in PROJECT["optional-dependencies"].items()
    if extra != "dev"
    for requirement in requirements
}


def used() -> set[str]:
    """Distributions that the packages import."""
    modules = {name.partition(".")[0] for path in SOURCES for name in imported(path)}
    modules -= {"faceswap", "classifier", *sys.stdlib_module_names}
    return {normalised(DISTRIBUTIONS.get(name, TRANSITIVE.get(name, name))) for name in modules}


@pytest.mark.parametrize("library", sorted(BEHIND_ONE_MODULE))
def test_the_library_is_behind_one_module(library: str) -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if any(name == library or name.startswith(f"{library}.") for name in imported(path))
    }
    assert users == BEHIND_ONE_MODULE[library]


def test_what_is_imported_is_declared() -> None:
    assert used() <= BASE | EXTRAS


def test_what_is_declared_is_imported() -> None:
    assert (BASE | EXTRAS) - used() <= NOT_IMPORTED


@pytest.mark.parametrize("requirement", map(Requirement, PROJECT["dependencies"]), ids=str)
def test_what_is_installed_is_within_the_bounds(requirement: Requirement) -> None:
    assert importlib.metadata.version(requirement.name) in requirement.specifier


def test_both_opencv_distributions_have_the_same_bounds() -> None:
    bounds = {
        requirement.partition(">")[2]
        for requirement in PROJECT["dependencies"]
        if normalised(requirement).startswith("opencv-python")
    }
    assert len(bounds) == 1
