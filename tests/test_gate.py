"""The gate refuses what the project bans; a rule that is switched off is worse than none."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def complaints(code: str, filename: str = "faceswap/example.py") -> set[str]:
    """Codes of the rules that the linter sees broken."""
    command = [sys.executable, "-m", "ruff", "check", "--output-format", "json", "--no-cache"]
    result = subprocess.run(
        [*command, "--stdin-filename", filename, "-"],
        input=f'"""A module."""\n\n{code}\n',
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    return {found["code"] for found in json.loads(result.stdout)}


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("import pickle\n\npickle.loads(b'')", "TID251"),
        ("import torch\n\ntorch.load('x.pt')", "TID251"),
        ("import cv2\n\ncv2.VideoCapture('x.mp4')", "TID251"),
        ("import os.path\n\nos.path.join('a', 'b')", "TID251"),
        ("from .core import files\n\nfiles.x()", "TID252"),
        ("from ..core import files\n\nfiles.x()", "TID252"),
        ("print('hello')", "T201"),
        ("def nothing():\n    return 1", "D103"),
        ("x = 1\n" + f"y = '{'long' * 30}'", "E501"),
    ],
)
def test_banned(code: str, rule: str) -> None:
    assert rule in complaints(code)


@pytest.mark.parametrize("name", ["inspect", "types", "logging", "queue"])
def test_module_that_shadows_the_standard_library(name: str) -> None:
    assert "A005" in complaints("X = 1", f"faceswap/{name}.py")


def test_clean_code_passes() -> None:
    assert complaints("from faceswap.core import files\n\nX = files.write_json") == set()


def test_each_ban_is_lifted_in_one_place_only() -> None:
    lifted = {
        path.relative_to(ROOT).as_posix(): re.findall(r"noqa:.*?(TID25\d|S301)", text)
        for folder in ("faceswap", "classifier", "tools")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"noqa:.*(TID25|S301)", text := path.read_text(encoding="utf-8"))
    }
    assert lifted == {
        "faceswap/core/onnx_runtime.py": ["TID251"],
        "faceswap/core/weights.py": ["TID251"],
    }


def test_torch_archives_are_read_without_code() -> None:
    text = (ROOT / "faceswap" / "core" / "weights.py").read_text(encoding="utf-8")
    assert text.count("torch.load(") == 1
    assert re.search(r"torch\.load\([^)]*weights_only=True", text)


@pytest.mark.parametrize("folder", ["faceswap", "classifier", "tools", "tests"])
def test_no_file_with_a_banned_name(folder: str) -> None:
    banned = {"utils", "util", "helpers", "helper", "lib", "misc", "common"}
    assert not [path for path in (ROOT / folder).rglob("*") if path.stem in banned]
