"""The demo in miniature: clips of two portraits, their facesets, and trainings of seconds."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from faceswap.core.config import load_config
from faceswap.demonstration.talking_head.clip import (
    DEMO_IDENTITIES,
    clip_seed,
    find_mesh,
    write_clip,
)
from faceswap.evaluation.candidates import Faces, open_runs
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.media.sources import find_sources
from faceswap.models.model_file import LoadedModel
from faceswap.models.run_model import load_run_model
from faceswap.training.build import run_training
from faceswap.training.monitoring.report import Callbacks
from faceswap.training.monitoring.step_report import StepReport
from faceswap.training.settings import TrainConfig

Facesets = Mapping[str, Path]
Progress = Callable[[float], None]

TITLES = {person.name: person.title for person in DEMO_IDENTITIES}
"""Names of the two people, by the name of their identity."""

_FRAMES, _EVERY, _SIZE, _CROP = 120, 2, 288, 224
_HELD_OUT = 0.2

PIXEL_LOSS = ("loss.l1=1", "loss.l2=0", "loss.dssim=0", "loss.features=1")
"""Settings that give any recipe the loss of V1: the mean absolute error, eyes and mouth alike."""

# A minute is too short for the strong augmentation of a training of days, and for its slow rate. So
# short a training relates the expressions of both people only where it is shown matched pairs.
_QUICK = (
    "data.match=0.5",
    "loss.swap=0.5",
    "loss.inside=4",
    "optimizer.name=muon",
    "optimizer.lr=6.0e-3",
    "optimizer.beta1=0.9",
    "optimizer.beta2=0.99",
    "optimizer.warmup=10",
    "optimizer.decay=0.4",
    "optimizer.clip=1",
    "optimizer.auto_clip=0",
    "optimizer.ema=0",
    "training.device=cpu",
    "training.precision=fp32",
    "training.adapt_threads=false",
    "data.workers=0",
    f"data.held_out={_HELD_OUT}",
    "augmentation.rotation=4",
    "augmentation.zoom=0.03",
    "augmentation.shift=0.02",
    "augmentation.flip=0",
    "augmentation.photometric=0.5",
    "augmentation.colour_transfer=0.2",
    "output.save_every=1000000",
    "output.save_minutes=1000",
    "output.preview_every=1000000",
    "output.timelapse=false",
    "output.log_images=false",
    "output.live_page=false",
    "output.keep=8",
)


@contextmanager
def own_folder() -> Iterator[Path]:
    """A temporary folder for all files, that of the identity which signs previews included."""
    with TemporaryDirectory() as name:
        before = os.environ.get("FACESWAP_CONFIG")
        os.environ["FACESWAP_CONFIG"] = str(Path(name) / "config")
        try:
            yield Path(name)
        finally:
            if before is None:
                del os.environ["FACESWAP_CONFIG"]
            else:
                os.environ["FACESWAP_CONFIG"] = before


def film(folder: Path, seed: int, frames: int = _FRAMES, size: int = _SIZE) -> dict[str, Path]:
    """Animates both portraits, as the demo does.

    Args:
        folder: Folder for the clips.
        seed: Seed of the motion.
        frames: Number of frames of each clip.
        size: Side of the frames in pixels.

    Returns:
        Clip of each identity.

    Raises:
        WeightsUnavailable: The weights of the detector are not on this machine.
    """
    clips = {person.name: folder / f"{person.name}.mp4" for person in DEMO_IDENTITIES}
    for person in DEMO_IDENTITIES:
        mesh = find_mesh(person, "cpu")
        seeded = clip_seed(person, seed)
        write_clip(person, mesh, clips[person.name], frames=frames, seed=seeded, size=size)
    return clips


def extract(clips: Mapping[str, Path], folder: Path, every: int = _EVERY) -> dict[str, Path]:
    """Extracts the faces of clips.

    Args:
        clips: Clip of each identity.
        folder: Folder for the facesets.
        every: Step between the frames that are used.

    Returns:
        Faceset of each identity.
    """
    settings = ExtractSettings(crop_size=_CROP, every=every)
    for name, clip in clips.items():
        (source,) = find_sources([clip])
        extract_source(source, folder / name, settings, device="cpu")
    return {name: folder / name for name in clips}


def facesets_in(folder: Path, seed: int, on_progress: Progress) -> dict[str, Path]:
    """Films both portraits, and extracts the facesets.

    Args:
        folder: Folder for clips and facesets.
        seed: Seed of the motion.
        on_progress: Callback with the fraction done since the last call, 1 in all.
    """
    clips = film(folder, seed)
    on_progress(0.6)
    facesets = extract(clips, folder / "faces")
    on_progress(0.4)
    return facesets


@dataclass(frozen=True)
class Trained:
    """A trained model and the faces of its run.

    Attributes:
        loaded: Model of the last step.
        losses: ``(steps,)`` loss, mean of both identities.
        training: Training faces of each identity.
        held_out: Held-out faces of each identity.
        run: Folder of the run.
    """

    loaded: LoadedModel
    losses: NDArray[np.float64]
    training: dict[str, Faces]
    held_out: dict[str, Faces]
    run: Path

    @property
    def parameters(self) -> int:
        """Number of parameters of the model."""
        return sum(each.numel() for each in self.loaded.model.parameters())

    def at(self, step: int) -> "Trained":
        """The same training with the model of the checkpoint of a step."""
        return replace(self, loaded=load_run_model(self.run, "cpu", str(step)))


def train(
    recipe: str,
    settings: Sequence[str],
    facesets: Facesets,
    run: Path,
    *,
    steps: int,
    seed: int,
    on_progress: Progress,
) -> Trained:
    """Trains a recipe of the toolkit for some steps.

    Args:
        recipe: Name of the recipe.
        settings: Changes to it as ``name=value``.
        facesets: Faceset of each identity.
        run: Folder for the run.
        steps: Number of training steps.
        seed: Seed of weights, batches and augmentation.
        on_progress: Callback with the fraction done since the last call, 1 in all.
    """
    done = 0.0

    def report(now: StepReport) -> None:
        nonlocal done
        on_progress(now.fraction - done)
        done = now.fraction

    own = [f"seed={seed}", f"training.steps={steps}", f"output.log_every={max(steps // 20, 1)}"]
    config = load_config(TrainConfig, "faceswap", recipe, [*_QUICK, *own, *settings])
    places = {name: [path] for name, path in facesets.items()}
    result = run_training(config, places, run, callbacks=Callbacks(on_step=report))
    (candidate,) = open_runs([run], "cpu")
    return Trained(
        load_run_model(run, "cpu", "latest"),
        np.mean([*result.losses.values()], axis=0),
        candidate.training,
        candidate.held_out,
        run,
    )


def title(name: str) -> str:
    """Last name of a person of the demo; the name of any other identity."""
    return TITLES.get(name, name).split()[-1]
