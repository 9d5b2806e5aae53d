import subprocess
import sys
from pathlib import Path

import pytest

from tools.import_graph import Figures, measure

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """verb -> up -> down, up.a <-> up.b, and verb <-> other inside a function."""
    files = {
        "__init__.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pkg.verb\n",
        "verb.py": "import os\nfrom pkg.up import a\n\ndef f():\n    import pkg.other\n",
        "other.py": "from pkg.verb import f\n",
        "up/__init__.py": "",
        "up/a.py": "from pkg.up.b import x\nfrom pkg.down.c import d\n",
        "up/b.py": "from pkg.up import a\n" + "x = 1\n" * 300,
        "down/c.py": "if TYPE_CHECKING:\n    import pkg.verb\ndef long():\n" + "    pass\n" * 60,
    }
    for name, text in files.items():
        path = tmp_path / "pkg" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_figures(checkout: Path) -> None:
    assert measure(checkout, ["pkg"]) == Figures(
        files=7,
        lines=3 + 5 + 1 + 0 + 2 + 301 + 63,
        folders=3,
        top_level=2,
        edges=4,  # verb -> up, verb -> other, other -> verb, up -> down
        layers=3,
        module_cycles=[["pkg.up.a", "pkg.up.b"], ["pkg.other", "pkg.verb"]],
        unit_cycles=[["pkg.other", "pkg.verb"]],
        long_functions=["pkg.down.c:long (61)"],
        long_files=["pkg.up.b (301)"],
    )


def test_this_checkout_has_no_circles() -> None:
    command = [sys.executable, str(ROOT / "tools" / "import_graph.py"), str(ROOT)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    figures = dict(line.rsplit(maxsplit=1) for line in result.stdout.splitlines())
    assert figures["unit cycles"] == "0"
    assert int(figures["files"]) > 100
