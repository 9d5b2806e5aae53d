"""Fixtures that all tests share."""

from pathlib import Path

import pytest

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def shared_data() -> Path:
    """The folder of real footage and truth; the test skips where it is absent."""
    if not _SHARED.is_dir():
        pytest.skip(f"needs the real footage in {_SHARED}")
    return _SHARED
