"""A run on two facesets of one portrait, without training."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from faceswap.core.seeding import seed_everything
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.media.sources import find_sources
from faceswap.models import build_model
from faceswap.models.model_file import ModelMeta, save_model
from faceswap.training.run.run_directory import RunDirectory, describe_facesets
from faceswap.training.settings import TrainConfig
from tests.footage import moving_portrait, write_clip

FRAMES = 30
OPTIONS = {"size": 64, "code": 32}
HELD_OUT = 0.4  # of 30: blocks of three frames


class Colours:
    """A recognizer without a network: embeds the colour of the face."""

    weights = ()

    def __call__(self, images, landmarks):
        return np.stack([self._embed(*face) for face in zip(images, landmarks, strict=True)])

    def _embed(self, image, landmarks):
        x, y = np.asarray(landmarks)[27:68].mean(0).round().astype(int)
        patch = image[max(0, y - 12) : y + 12, max(0, x - 12) : x + 12].astype(np.float32)
        vector = patch.mean((0, 1)) - 128
        return (vector / max(float(np.linalg.norm(vector)), 1e-6)).astype(np.float32)


def blue_portrait(index: int) -> np.ndarray:
    """The same portrait with swapped colour channels, as a second identity."""
    return moving_portrait(index + 40)[..., ::-1].copy()


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    return {
        "alice": write_clip(folder / "alice.mp4", FRAMES),
        "bob": write_clip(folder / "bob.mp4", FRAMES, blue_portrait),
        "carol": write_clip(folder / "carol.mp4", FRAMES, lambda i: moving_portrait(i + 90)),
    }


@pytest.fixture(scope="session")
def facesets(clips, tmp_path_factory) -> dict[str, Faceset]:
    folder = tmp_path_factory.mktemp("faces")
    for name, clip in clips.items():
        extract_source(find_sources([clip])[0], folder / name, ExtractSettings(crop_size=192))
    return {name: Faceset.open(folder / name) for name in clips}


@pytest.fixture(scope="session")
def make_run(facesets, tmp_path_factory) -> Callable[..., Path]:
    """A function that makes a run of an untrained network."""

    def make(name: str = "run", identities: dict[str, str] | None = None, seed: int = 0) -> Path:
        identities = identities or {"alice": "alice", "bob": "bob"}
        run = RunDirectory(tmp_path_factory.mktemp("runs") / name)
        config = TrainConfig.model_validate(
            {
                "model": {"name": "small", "options": OPTIONS},
                "data": {"held_out": HELD_OUT, "minimum": 4},
            }
        )
        seed_everything(seed)
        model = build_model("small", list(identities), OPTIONS)
        data = describe_facesets({name: [facesets[faces]] for name, faces in identities.items()})
        run.start(config, data, ["test"])
        save_model(run.model, model, ModelMeta("small", OPTIONS, tuple(identities), 1.25, 7))
        return run.path

    return make


@pytest.fixture(scope="session")
def run(make_run) -> Path:
    return make_run()
