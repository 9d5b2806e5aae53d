"""Fixtures of the tests of the tools."""

from pathlib import Path

import pytest


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the modules of ``tools/`` importable, as they are when a tool is run."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "tools")
