"""What ``pip install .`` gives: a real wheel, not the checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content, unpacked as an installation is."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir"]
    subprocess.run([*command, str(folder), str(ROOT)], check=True)
    target = folder / "site-packages"
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        archive.extractall(target)
    return target


def run(installed: Path, code: str) -> str:
    """Runs code that sees the installation first, and the checkout not at all."""
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


@pytest.mark.parametrize("section", ["faceswap", "classifier"])
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
