from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def two_facesets(
    make_faceset: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Synthetic facesets of two identities, which need neither footage nor weights."""
    folder = tmp_path_factory.mktemp("two facesets")
    shades = {"alice": (220, 170, 140), "bob": (120, 80, 60)}
    return {
        name: make_faceset(folder / name, faces=40, shade=shade) for name, shade in shades.items()
    }


@pytest.fixture(scope="module", autouse=True)
def offline() -> Iterator[None]:
    """Nothing is downloaded, whatever weights a training asks for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACESWAP_OFFLINE", "1")
        yield
