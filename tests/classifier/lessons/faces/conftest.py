from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from classifier.lessons.faces import miniature


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


@pytest.fixture(scope="session")
def trained(
    two_facesets: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> miniature.Trained:
    """A short training of `v1` on them."""
    parts: list[float] = []
    settings = ("model.options.width=4", "training.batch=2", "optimizer.lr=1.0e-3")
    run = tmp_path_factory.mktemp("run") / "run"
    trained = miniature.train(
        "v1", settings, two_facesets, run, steps=6, seed=3, on_progress=parts.append
    )
    assert sum(parts) == pytest.approx(1)
    return trained


@pytest.fixture(scope="module", autouse=True)
def offline() -> Iterator[None]:
    """Nothing is downloaded, whatever weights a training asks for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACESWAP_OFFLINE", "1")
        yield
