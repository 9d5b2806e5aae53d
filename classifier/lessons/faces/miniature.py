"""The demo in miniature: clips of two portraits, their facesets, trainings and swaps of seconds."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray

from faceswap.conversion.detail.chain import DetailChain, DetailSettings
from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.conversion.masks.face_masks import build_face_masks
from faceswap.conversion.swap.parts import default_parts
from faceswap.conversion.swap.swapper import Swapper
from faceswap.core.config import load_config
from faceswap.demonstration.talking_head.clip import (
    DEMO_IDENTITIES,
    clip_seed,
    find_mesh,
    write_clip,
)
from faceswap.evaluation.candidates import Faces, open_runs
from faceswap.evaluation.footage import find_footage, load_samples
from faceswap.evaluation.frame_scoring import Sample
from faceswap.evaluation.reconstruction import held_out_tensor
from faceswap.evaluation.sharpness import RealDetail
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.media.frame import Frame
from faceswap.media.sources import find_sources
from faceswap.models.model_file import LoadedModel
from faceswap.models.run_model import load_run_model
from faceswap.training.build import run_training
from faceswap.training.losses.pixels import l1, weighted_mean
from faceswap.training.losses.structure import ssim_map
from faceswap.training.monitoring.report import Callbacks
from faceswap.training.monitoring.step_report import StepReport
from faceswap.training.settings import TrainConfig

Pixels = NDArray[np.float32]
Facesets = Mapping[str, Path]
Progress = Callable[[float], None]

TITLES = {person.name: person.title for person in DEMO_IDENTITIES}
"""Names of the two people, by the name of their identity."""

_FRAMES, _EVERY, _SIZE, _CROP = 120, 2, 288, 224
_HELD_OUT = 0.2
_AROUND = 1.7  # times the longer side of the landmarks: the part of a frame that is shown
_MEASURED = 3  # frames of each direction whose sharpness is measured

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
class Quality:
    """Reconstructions of held-out faces by their own decoder, means over faces and identities.

    Attributes:
        ssim: Structural similarity inside the face mask, at most 1.
        l1: Mean absolute difference inside the face mask, in [0, 1].
    """

    ssim: float
    l1: float


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


@torch.inference_mode()
def measure(trained: Trained, side: int) -> Quality:
    """Measures reconstructions of held-out faces, as trainings do.

    Args:
        trained: Training.
        side: Side in pixels at which models of different sizes are compared.
    """
    model, values = trained.loaded.model, []
    for name, faces in trained.held_out.items():
        real = held_out_tensor(faces, side, trained.loaded.coverage)
        seen = held_out_tensor(faces, model.input_size, trained.loaded.coverage)[:, :3]
        decoded = _enlarged(model.swap(seen, name).face, side)
        colours, inside = real[:, :3], real[:, 3:]
        ssim = weighted_mean(ssim_map(decoded, colours), inside).mean()
        values.append((float(ssim), float(l1(decoded, colours, inside).mean())))
    ssims, errors = zip(*values, strict=True)
    return Quality(float(np.mean(ssims)), float(np.mean(errors)))


def _enlarged(faces: torch.Tensor, side: int) -> torch.Tensor:
    if faces.shape[-1] == side:
        return faces
    larger = torch.nn.functional.interpolate(faces, (side, side), mode="bicubic", antialias=True)
    return larger.clamp(0, 1)


@dataclass(frozen=True)
class FaceSwap:
    """One held-out frame, swapped.

    Attributes:
        frame: ``(H, W, 3) uint8`` part of the source frame around the face.
        face: ``(S, S, 3)`` its face as the encoder sees it, in [0, 1].
        decoded: ``(s, s, 3)`` that face decoded as the target, in [0, 1].
        mask: ``(M, M)`` mask with which it is blended into the frame, in [0, 1].
        swapped: ``(H, W, 3) uint8`` the same part of the converted frame.
    """

    frame: NDArray[np.uint8]
    face: Pixels
    decoded: Pixels
    mask: Pixels
    swapped: NDArray[np.uint8]


def swap_face(
    trained: Trained, source: str, to: str, place: float = 0.5, *, learned_mask: bool = True
) -> FaceSwap:
    """Swaps the face of a held-out frame, as ``faceswap convert`` does.

    Unlike there, no grain is added, which would hide the detail that a network can decode.

    Args:
        trained: Training.
        source: Identity of the frame.
        to: Identity to decode as.
        place: Place of the frame among the held-out ones, 0 to 1.
        learned_mask: Whether a mask that the model predicts narrows that of the landmarks.
    """
    faces = trained.held_out[source]
    pair = faces[round(place * (len(faces) - 1))]
    loaded = trained.loaded
    face = _array(held_out_tensor([pair], loaded.model.input_size, loaded.coverage)[:, :3])
    sample, mask, swapped = _convert(trained, pair, to, learned_mask=learned_mask)
    part = _around(sample)
    return FaceSwap(
        sample.image[part],
        face,
        decode(trained, face, to),
        mask,
        swapped[part],
    )


def decode(trained: Trained, face: Pixels, to: str) -> Pixels:
    """Decodes a face, ``(S, S, 3)`` in [0, 1], as an identity, ``(s, s, 3)``."""
    seen = torch.from_numpy(face).permute(2, 0, 1)[None]  # (1, 3, S, S)
    with torch.inference_mode():
        return _array(trained.loaded.model.swap(seen, to).face)


def sharpness(trained: Trained, source: str, to: str, *, learned_mask: bool = True) -> float:
    """Sharpness of swapped held-out faces over that of real faces of the target; 1 is as sharp.

    Args:
        trained: Training.
        source: Identity of the frames.
        to: Identity to decode as.
        learned_mask: Whether a mask that the model predicts narrows that of the landmarks.
    """
    real, faces = RealDetail(trained.training[to]), trained.held_out[source]
    chosen = np.linspace(0, len(faces) - 1, min(_MEASURED, len(faces))).round().astype(int)
    values = []
    for pair in (faces[index] for index in chosen):
        sample, _, swapped = _convert(trained, pair, to, learned_mask=learned_mask)
        values.append(real.sharpness(swapped, sample.landmarks))
    return float(np.mean(values))


def _convert(
    trained: Trained, pair: tuple[Faceset, Face], to: str, *, learned_mask: bool = True
) -> tuple[Sample, Pixels, NDArray[np.uint8]]:
    """The frame of a face, the mask of its swap, and the converted frame."""
    faceset, face = pair
    (sample,) = load_samples(faceset, [face], find_footage(faceset), faceset.name)
    loaded = trained.loaded
    masks = build_face_masks("hull", loaded.coverage, use_predicted=learned_mask)
    parts = default_parts(loaded.coverage, "cpu")
    parts = replace(parts, masks=masks, detail=DetailChain(DetailSettings()), occluders=())
    frame = Frame(sample.index, 0, 0.0, sample.image.copy())
    found = [(frame, [SourceFace(sample.landmarks)])]
    (swapped,) = Swapper(loaded, parts, to)(found, video=False)
    mask = swapped.faces[0].mask.squeeze().numpy().astype(np.float32)
    return sample, mask, swapped.frame.image


def _around(sample: Sample) -> tuple[slice, slice]:
    """Rows and columns of a frame around its face: a square, less what lies outside."""
    low, high = sample.landmarks.min(0), sample.landmarks.max(0)
    centre, reach = (low + high) / 2, _AROUND / 2 * (high - low).max()
    first, last = np.maximum(centre - reach, 0).astype(int), (centre + reach).astype(int)
    return slice(first[1], last[1]), slice(first[0], last[0])


def _array(faces: torch.Tensor) -> Pixels:
    return faces[0].permute(1, 2, 0).numpy()  # (1, 3, S, S) -> (S, S, 3)


def title(name: str) -> str:
    """Last name of a person of the demo; the name of any other identity."""
    return TITLES.get(name, name).split()[-1]
