"""The wheel that ``pip install .`` builds, not the checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Content of the wheel, unpacked as an installation is."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir"]
    subprocess.run([*command, str(folder), str(ROOT)], check=True)
    target = folder / "site-packages"
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        archive.extractall(target)
    return target


def run(installed: Path, code: str) -> str:
    """Run code that imports the installation, not the checkout."""
    path = f"import sys; sys.path.insert(0, {str(installed)!r})\n"
    check = f"import faceswap; assert faceswap.__file__.startswith({str(installed)!r})\n"
    result = subprocess.run(
        [sys.executable, "-P", "-c", path + check + code],
        capture_output=True,
        text=True,
        check=False,
        cwd=installed.parent,
        env={"PATH": ""},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_type_information_and_extras_are_installed(installed: Path) -> None:
    assert (installed / "faceswap" / "py.typed").is_file()
    assert (installed / "classifier" / "py.typed").is_file()
    metadata = next(installed.glob("*.dist-info/METADATA")).read_text(encoding="utf-8")
    for extra in ("export", "tensorboard", "timm", "dev"):
        assert f"Provides-Extra: {extra}" in metadata


def test_the_library_is_imported_lazily(installed: Path) -> None:
    code = "import sys, classifier\nprint(faceswap.__version__, 'torch' in sys.modules)\n"
    code += "print(faceswap.open_faceset.__module__, classifier.predict_files.__module__)"
    assert run(installed, code).splitlines()[0].endswith(" False")


@pytest.mark.parametrize("section", ["faceswap", "convert", "classifier", "accelerate"])
def test_recipes_are_found_by_name(installed: Path, section: str) -> None:
    names = sorted(path.stem for path in (ROOT / "configs" / section).glob("*.yaml"))
    assert names
    code = f"from faceswap.core.config import *\nprint(*recipe_names({section!r}))\n"
    code += f"print(find_recipe({section!r}, {names[0]!r}))"
    listed, place = run(installed, code).splitlines()
    assert listed.split() == names
    assert place.startswith(str(installed))


def test_command_line_starts(installed: Path) -> None:
    code = "from faceswap.cli import main\nsys.argv = ['faceswap', '--version']\nmain()"
    assert run(installed, code).startswith("faceswap ")


def test_wheel_holds_the_packages_and_nothing_else(installed: Path) -> None:
    names = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}
    assert names == {"faceswap", "classifier"}
    about = next(installed.glob("*.dist-info"))
    assert (about / "licenses" / "LICENSE").is_file()
    entry_points = (about / "entry_points.txt").read_text()
    assert "faceswap = faceswap.cli:main" in entry_points
    assert "classifier = classifier.cli:main" in entry_points
    assert not list(installed.rglob("*.pt")) + list(installed.rglob("*.tflite"))
