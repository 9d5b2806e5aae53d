import ast
import subprocess
import sys
from pathlib import Path

import pytest

from faceswap import __version__
from faceswap.cli import VERBS, main

ROOT = Path(__file__).resolve().parents[1]


def test_help_imports_no_heavy_modules() -> None:
    code = """
import sys
from faceswap.cli import main
sys.argv = ["faceswap", "--help"]
try:
    main()
except SystemExit as end:
    assert end.code == 0
heavy = {"torch", "cv2", "av", "numpy", "pyarrow", "accelerate"} & set(sys.modules)
assert not heavy, heavy
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    for name in VERBS:
        assert name in result.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_where_the_table_says(verb: str) -> None:
    module, _, name = VERBS[verb].place.partition(":")
    path = ROOT / f"{module.replace('.', '/')}.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assigned = [
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    assert name in defined + assigned


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["faceswap", "--version"])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().out == f"faceswap {__version__}\n"


def test_runs_as_a_module() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "faceswap", "nothing"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "nothing" in result.stderr
